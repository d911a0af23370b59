// SPDX-License-Identifier: MIT

// Package hints says what to do about trouble, as tables: a kernel report (crashes.go, gone.go), a line of the kernel's
// log (said.go), a symbol or an interface that this kernel does not have (changes.go, flavours.go). It is pure: the
// tables are data, and a few small functions choose a row.
package hints
