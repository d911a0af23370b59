// SPDX-License-Identifier: MIT

// Package kmod compares our modprobe, depmod and the others with those of kmod, on
// this machine and in virtual ones. It has no other code.
package kmod
