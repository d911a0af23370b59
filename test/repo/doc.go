// SPDX-License-Identifier: MIT

// Package repo tests the repository itself: imports, sizes, scripts, documents. It
// needs neither the program nor a virtual machine, and has no other code.
package repo
