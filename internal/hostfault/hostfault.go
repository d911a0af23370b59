// SPDX-License-Identifier: MIT

// Package hostfault decides which errors are this machine's fault: a full disk, no descriptors left, a file server that
// is gone. Whoever handed in the files that were just read or written is not to blame for them.
package hostfault

import "syscall"

// What to do.
const (
	space  = "free some space on that disk"
	disk   = "the disk or its file system is failing: see dmesg on this machine"
	server = "the file server or the program behind that folder is not responding: mount it again"
	locked = "that folder is locked: unlock it, or renew your ticket, and run this again"
)

// faults are the machine's own, whatever was asked of it. EACCES, ENOENT, ENAMETOOLONG and the like depend on what was
// asked. So do EAGAIN and ENXIO: the owner of a file causes them with a lease, or with a socket in its place.
var faults = map[syscall.Errno]string{
	syscall.EMFILE: "raise the limit on open files (ulimit -n), or run fewer at a time (-j)",
	syscall.ENFILE: "too many files are open on this machine: end some programs, or raise fs.file-max",
	syscall.ENOMEM: "free some memory, or run fewer at a time (-j)",

	syscall.ENOSPC: space,
	syscall.EDQUOT: space,
	syscall.EROFS:  "that disk is mounted read-only; if it should not be, see dmesg on this machine",

	syscall.EIO:       disk,
	syscall.EUCLEAN:   disk, // ext4, XFS: a structure is damaged
	syscall.EBADMSG:   disk, // XFS, btrfs, fs-verity: a checksum is wrong
	syscall.ENODEV:    disk, // the device was pulled out
	syscall.EREMOTEIO: disk,
	syscall.ENOMEDIUM: disk,

	syscall.ESTALE:    server,
	syscall.ENOTCONN:  server, // FUSE: the program has ended
	syscall.ETIMEDOUT: server,
	syscall.EHOSTDOWN: server,
	syscall.ENOLINK:   server,
	syscall.ENOLCK:    server,

	syscall.ENOKEY:      locked, // fscrypt
	syscall.EKEYEXPIRED: locked,
	syscall.EKEYREVOKED: locked,
}

// Of reports whether an error of reading or writing files is this machine's fault, and then what a person can do. One
// that joins several is, if one of them is.
func Of(err error) (hint string, is bool) {
	switch e := err.(type) {
	case syscall.Errno:
		hint, is = faults[e]
		return hint, is
	case interface{ Unwrap() error }:
		return Of(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if hint, is := Of(one); is {
				return hint, true
			}
		}
	}
	return "", false
}

// NoSpace reports whether an error is a full disk, or a used-up quota.
func NoSpace(err error) bool {
	hint, _ := Of(err)
	return hint == space
}
