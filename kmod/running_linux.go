// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// supported is nil where the running kernel can be asked.
func supported(string) error { return nil }

// Running is the tree of the running kernel, below "/", with the kernel's command line
// as part of the configuration. On other systems than Linux it is an *UnsupportedError.
func Running() (*Tree, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("read kernel release: %w", err)
	}
	cmdline, _ := slurp("/proc/cmdline") // without /proc it is unknown
	return &Tree{Root: "/", Release: unix.ByteSliceToString(u.Release[:]), KernelCmdline: string(cmdline)}, nil
}

// machine is the kernel's architecture, "" if uname's word for it is not one of
// MachineName's.
func machine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	switch name := unix.ByteSliceToString(u.Machine[:]); name {
	case "x86_64", "aarch64", "s390x", "ppc64", "loongarch64":
		return name
	}
	return ""
}
