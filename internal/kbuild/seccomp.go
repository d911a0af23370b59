// SPDX-License-Identifier: MIT

package kbuild

import (
	"encoding/binary"
	"fmt"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// denied are the system calls that no build needs. Namespaces do not cover what they reach: the person's keyrings, and
// parts of the kernel that have had many holes.
var denied = []string{
	"keyctl", "add_key", "request_key",
	"io_uring_setup", "io_uring_enter", "io_uring_register",
	"bpf", "userfaultfd", "perf_event_open",
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
	"open_by_handle_at", "name_to_handle_at", "fanotify_init",
	"mount", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "umount2", "pivot_root",
	"unshare", "setns",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"quotactl", "quotactl_fd", "swapon", "swapoff", "acct", "syslog", "reboot", "settimeofday", "clock_settime",
}

// modes are the arguments with the permissions of a file, by system call. Outside of the sandbox a file with set-id
// bits would be one of the person's own programs for whoever reaches it.
var modes = []struct {
	name string
	arg  uint32
}{
	{"chmod", 1}, {"fchmod", 1}, {"fchmodat", 2}, {"fchmodat2", 2},
	{"creat", 1}, {"open", 2}, {"openat", 3}, {"mknod", 1}, {"mknodat", 2},
}

// sockets are the families that builds use. There is no network, but some families are in no network namespace.
var sockets = []uint64{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6}

// seccompFilter is the program that bubblewrap loads before it starts the build's commands, as struct sock_filter.
func seccompFilter() ([]byte, error) {
	setid := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.EPERM)}
	for _, m := range modes {
		setid.NamesWithCondtions = append(setid.NamesWithCondtions, seccomp.NameWithConditions{
			Name: m.name,
			Conditions: seccomp.ArgumentConditions{
				{Argument: m.arg, Operation: seccomp.BitsSet, Value: unix.S_ISUID | unix.S_ISGID},
			},
		})
	}
	family := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.EAFNOSUPPORT)}
	for _, name := range []string{"socket", "socketpair"} {
		var none seccomp.ArgumentConditions
		for _, f := range sockets {
			none = append(none, seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: f})
		}
		family.NamesWithCondtions = append(family.NamesWithCondtions,
			seccomp.NameWithConditions{Name: name, Conditions: none})
	}
	policy := seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{
			{Names: denied, Action: seccomp.ActionErrno | seccomp.Action(unix.EPERM)},
			// Its argument is a structure, which a filter cannot read. The C library then uses openat.
			{Names: []string{"openat2"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
			setid, family,
		},
	}
	program, err := policy.Assemble()
	if err != nil {
		return nil, fmt.Errorf("assemble the sandbox's filter: %w", err)
	}
	// What the policy does not name is allowed, and so would be every system call of another architecture.
	const archOffset = 4
	own := []bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(arch.X86_64.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionErrno) | uint32(unix.ENOSYS)},
	}
	raw, err := bpf.Assemble(append(own, program...))
	if err != nil {
		return nil, fmt.Errorf("assemble the sandbox's filter: %w", err)
	}
	var b []byte
	for _, i := range raw {
		b = binary.NativeEndian.AppendUint16(b, i.Op)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b, nil
}
