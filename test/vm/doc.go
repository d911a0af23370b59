// SPDX-License-Identifier: MIT

// Package vm tests kmodlab as a library with real kernels in virtual machines:
// lessons, faults, saved machines, pools, recordings, hostile guests. It has no other
// code.
package vm
