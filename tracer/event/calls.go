// SPDX-License-Identifier: MIT

package event

// Op is what a system call does to a file. The numbers are those of enum op in tracer/bpf/record.h.
type Op uint8

// What system calls do.
const (
	OpNone Op = iota
	OpOpen
	OpClose
	OpRead
	OpReadv
	OpWrite
	OpWritev
	OpLseek
	OpIoctl
	OpMmap
	OpPoll
	OpFsync
	OpFlock
	OpFallocate
	OpSocket
	OpBind
	OpConnect
	OpListen
	OpAccept
	OpGetname
	OpSend
	OpReceive
	OpSetsockopt
	OpGetsockopt
	OpShutdown
	NumOps
)

// Kinds of files in FileMet's Arg: how they lead to their module. The numbers are those of enum file_kind in
// tracer/bpf/owner.h.
const (
	FileOther      = iota
	FileOperations // the module has the file's operations
	FileShort      // the same, of debugfs
	FileProc
	FileSysfs
	FileSocket
	FileBlock
)

// Where a system call has its file, if Syscall.File is not the number of an argument: enum where in record.h.
const (
	FileReturned = 16 // it returns a descriptor
	FilePolled   = 17 // in the array of struct pollfd that its arguments begin with
	FileSelected = 18 // in the sets of descriptors that its arguments begin with
)

// Bits and values of CallEntered's and CallReturned's Arg.
const (
	// CallCompat marks a call of a 32-bit program: the rest is a number of theirs.
	CallCompat = 0x80000000
	// CallRelease is no system call: the last reference to a file was dropped otherwise than by close, which calls the
	// module in the same way.
	CallRelease = 0xffff
)

// Syscall is a system call that the tracer records if its file belongs to a module.
type Syscall struct {
	Name string
	Op   Op
	File uint8 // the number of the argument that has the file's descriptor, or a File* value
	// Number is the call's number on x86-64, Compat that in 32-bit programs; -1 if there is none.
	Number, Compat int
}

// syscalls are all of them (arch/x86/entry/syscalls). Calls that 32-bit programs alone have are left out, except those
// that replaced an older one: mmap2, _newselect.
var syscalls = []Syscall{
	{"open", OpOpen, FileReturned, 2, 5},
	{"openat", OpOpen, FileReturned, 257, 295},
	{"openat2", OpOpen, FileReturned, 437, 437},
	{"creat", OpOpen, FileReturned, 85, 8},
	{"close", OpClose, 0, 3, 6},
	{"read", OpRead, 0, 0, 3},
	{"pread64", OpRead, 0, 17, 180},
	{"readv", OpReadv, 0, 19, 145},
	{"preadv", OpReadv, 0, 295, 333},
	{"preadv2", OpReadv, 0, 327, 378},
	{"write", OpWrite, 0, 1, 4},
	{"pwrite64", OpWrite, 0, 18, 181},
	{"writev", OpWritev, 0, 20, 146},
	{"pwritev", OpWritev, 0, 296, 334},
	{"pwritev2", OpWritev, 0, 328, 379},
	{"lseek", OpLseek, 0, 8, 19},
	{"_llseek", OpLseek, 0, -1, 140},
	{"ioctl", OpIoctl, 0, 16, 54},
	{"mmap", OpMmap, 4, 9, 192},
	{"poll", OpPoll, FilePolled, 7, 168},
	{"ppoll", OpPoll, FilePolled, 271, 309},
	{"ppoll_time64", OpPoll, FilePolled, -1, 414},
	{"select", OpPoll, FileSelected, 23, 142},
	{"pselect6", OpPoll, FileSelected, 270, 308},
	{"pselect6_time64", OpPoll, FileSelected, -1, 413},
	{"epoll_ctl", OpPoll, 2, 233, 255},
	{"fsync", OpFsync, 0, 74, 118},
	{"fdatasync", OpFsync, 0, 75, 148},
	{"flock", OpFlock, 0, 73, 143},
	{"fallocate", OpFallocate, 0, 285, 324},
	{"socket", OpSocket, FileReturned, 41, 359},
	{"bind", OpBind, 0, 49, 361},
	{"connect", OpConnect, 0, 42, 362},
	{"listen", OpListen, 0, 50, 363},
	{"accept", OpAccept, 0, 43, -1},
	{"accept4", OpAccept, 0, 288, 364},
	{"getsockname", OpGetname, 0, 51, 367},
	{"getpeername", OpGetname, 0, 52, 368},
	{"sendto", OpSend, 0, 44, 369},
	{"sendmsg", OpSend, 0, 46, 370},
	{"sendmmsg", OpSend, 0, 307, 345},
	{"recvfrom", OpReceive, 0, 45, 371},
	{"recvmsg", OpReceive, 0, 47, 372},
	{"recvmmsg", OpReceive, 0, 299, 337},
	{"setsockopt", OpSetsockopt, 0, 54, 366},
	{"getsockopt", OpGetsockopt, 0, 55, 365},
	{"shutdown", OpShutdown, 0, 48, 373},
}

// Syscalls returns all system calls that the tracer can record.
func Syscalls() []Syscall { return syscalls }

// release is what CallRelease stands for.
var release = Syscall{Name: "close", Op: OpClose, Number: CallRelease, Compat: -1}

// SyscallOf finds a system call by the Arg of its records. One that is not known has no name.
func SyscallOf(arg uint32) Syscall {
	if arg == CallRelease {
		return release
	}
	for _, s := range syscalls {
		number := s.Number
		if arg&CallCompat != 0 {
			number = s.Compat
		}
		if number == int(arg&^CallCompat) {
			return s
		}
	}
	return Syscall{Number: -1, Compat: -1}
}
