// SPDX-License-Identifier: MIT

package event

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// TestCallNumbers compares what system calls do, and where their files are, with the compiled programs.
func TestCallNumbers(t *testing.T) {
	types := recordTypes(t)
	for name, want := range map[string]map[string]uint64{
		"op": {
			"OP_NONE": uint64(OpNone), "OP_OPEN": uint64(OpOpen), "OP_CLOSE": uint64(OpClose), "OP_READ": uint64(OpRead),
			"OP_READV": uint64(OpReadv), "OP_WRITE": uint64(OpWrite), "OP_WRITEV": uint64(OpWritev),
			"OP_LSEEK": uint64(OpLseek), "OP_IOCTL": uint64(OpIoctl), "OP_MMAP": uint64(OpMmap), "OP_POLL": uint64(OpPoll),
			"OP_FSYNC": uint64(OpFsync), "OP_FLOCK": uint64(OpFlock), "OP_FALLOCATE": uint64(OpFallocate),
			"OP_SOCKET": uint64(OpSocket), "OP_BIND": uint64(OpBind), "OP_CONNECT": uint64(OpConnect),
			"OP_LISTEN": uint64(OpListen), "OP_ACCEPT": uint64(OpAccept), "OP_GETNAME": uint64(OpGetname),
			"OP_SEND": uint64(OpSend), "OP_RECEIVE": uint64(OpReceive), "OP_SETSOCKOPT": uint64(OpSetsockopt),
			"OP_GETSOCKOPT": uint64(OpGetsockopt), "OP_SHUTDOWN": uint64(OpShutdown), "NUM_OPS": uint64(NumOps),
		},
		"where": {"FILE_RETURNED": FileReturned, "FILE_POLLED": FilePolled, "FILE_SELECTED": FileSelected},
		"file_kind": {
			"FILE_OTHER": FileOther, "FILE_OPERATIONS": FileOperations, "FILE_SHORT": FileShort, "FILE_PROC": FileProc,
			"FILE_SYSFS": FileSysfs, "FILE_SOCKET": FileSocket, "FILE_BLOCK": FileBlock,
		},
	} {
		var enum *btf.Enum
		if err := types.TypeByName(name, &enum); err != nil {
			t.Error(err)
			continue
		}
		if len(enum.Values) != len(want) {
			t.Errorf("enum %s has %d values, want %d", name, len(enum.Values), len(want))
		}
		for _, v := range enum.Values {
			if got, ok := want[v.Name]; !ok || got != v.Value {
				t.Errorf("%s is %d in the programs and %d here", v.Name, v.Value, got)
			}
		}
	}
}

// TestSyscalls: no number is there twice, and each call has a place for its file.
func TestSyscalls(t *testing.T) {
	seen := map[uint32]string{}
	for _, s := range Syscalls() {
		if s.Op == OpNone || s.Op >= NumOps || strings.TrimSpace(s.Name) == "" {
			t.Errorf("%+v", s)
		}
		switch s.File {
		case 0, 2, 4, FileReturned, FilePolled, FileSelected: // see descriptor in calls.bpf.h
		default:
			t.Errorf("%s: nothing reads the file of argument %d", s.Name, s.File)
		}
		for arg, n := range map[uint32]int{0: s.Number, CallCompat: s.Compat} {
			if n < 0 {
				continue
			}
			key := arg | uint32(n)
			if other := seen[key]; other != "" {
				t.Errorf("%s and %s have the same number %d", s.Name, other, n)
			}
			seen[key] = s.Name
			if got := SyscallOf(key); got != s {
				t.Errorf("SyscallOf(0x%x) is %+v, want %+v", key, got, s)
			}
		}
	}
	if got := SyscallOf(999); got.Name != "" || got.Number != -1 {
		t.Errorf("call 999 is %+v", got)
	}
	if got := SyscallOf(CallRelease); got.Name != "close" || got.Op != OpClose {
		t.Errorf("a release is %+v", got)
	}
}
