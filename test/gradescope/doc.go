// SPDX-License-Identifier: MIT

// Package gradescope tests labs/gradescope in a Debian of its own that has what Gradescope's container has: no KVM, no
// privileges of a host's root, little memory. It has no other code.
package gradescope
