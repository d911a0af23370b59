// SPDX-License-Identifier: MIT

// Package cli tests kmodlab as a person types it: scripts of commands, and what is
// drawn on a terminal. It has no other code.
package cli
