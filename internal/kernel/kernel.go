// SPDX-License-Identifier: MIT

// Package kernel finds kernels and the toolchains that match them: by Debian
// release through the host's own apt in a private root, from the host, or by
// path. It keeps them in a cache that several processes share.
//
// A kernel's name is one of
//
//	debian:SUITE[/FLAVOUR][=ABI][,PACKAGE…]
//	                                   debian:bookworm, debian:trixie-backports/generic, debian:trixie=6.12.0-N,bpftrace
//	host                               the running kernel of this machine
//	path:VMLINUZ,MODULES[,HEADERS]     files
//
// FLAVOUR is cloud (the default: small, boots fast), generic or rt. ABI is a version as in uname -r, without the
// flavour at its end. PACKAGE is one more package of the suite for the tree that builds, unpacked like the others,
// without running its scripts. Suites lists what is known to work; the mirror is also asked for suites that are not in
// the list.
//
// Fetching needs no rights: apt works in a state folder of our own, with the host's mirror, proxies and keys, and
// verifies as always; packages are unpacked without running their scripts. What those would have created, and a build
// or a machine needs, is created by hand. The tree serves as a sandbox's root and, as an ext4 image, as the disk of a
// machine in which real gcc, make and kmod run.
package kernel

import "path/filepath"

// Kernel is one kernel ready to boot, with the tree that builds modules for it. Paths are absolute on the host and stay
// valid until Store.Remove.
type Kernel struct {
	Name    string // as requested: debian:bookworm, host, path:…
	Release string // uname -r of the kernel
	Version string // version of the Debian package; empty for host and path
	Image   string // vmlinuz
	// Root is a read-only file tree that holds lib/modules/Release with its build link, and for Debian kernels the
	// release's own gcc, make, kmod and shell. For host and path kernels it is "/", and the host's own tools build.
	Root string
	// RootImage is Root as a read-only ext4 image for a VM's disk. It is empty for host and path kernels, which build
	// in the sandbox only.
	RootImage string
	ID        string // hash of everything that went in, a cache key
	// Modules and Build are set for path kernels only, whose module tree and headers need not be where Root and Release
	// say; use ModuleDir and BuildDir instead.
	Modules string `json:",omitempty"`
	Build   string `json:",omitempty"`
}

// ModuleDir is the kernel's module tree on the host, lib/modules/Release.
func (k *Kernel) ModuleDir() string {
	if k.Modules != "" {
		return k.Modules
	}
	return filepath.Join(k.Root, "lib/modules", k.Release)
}

// BuildDir is where kbuild finds the headers, as a path inside Root.
func (k *Kernel) BuildDir() string {
	if k.Build != "" {
		return k.Build
	}
	return filepath.Join("/lib/modules", k.Release, "build")
}
