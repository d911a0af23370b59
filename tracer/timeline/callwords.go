// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Words says what else was given to the call, besides the file; "" if nothing that tells much.
func (c *Call) Words() string {
	arg := func(i int) uint64 {
		if i < len(c.Args) {
			return c.Args[i]
		}
		return 0
	}
	switch c.Call.Op {
	case event.OpOpen:
		return c.openWords(arg)
	case event.OpClose:
		if c.Call.Number == event.CallRelease {
			return "the last reference is dropped"
		}
	case event.OpRead, event.OpWrite, event.OpSend, event.OpReceive:
		return c.bytesWords(arg)
	case event.OpReadv, event.OpWritev:
		return counted(arg(2), "buffer")
	case event.OpLseek:
		if c.Call.Name == "lseek" {
			return fmt.Sprintf("offset %d, whence %d", int64(arg(1)), int32(arg(2)))
		}
	case event.OpIoctl:
		return fmt.Sprintf("request 0x%x, argument 0x%x", uint32(arg(1)), arg(2))
	case event.OpMmap:
		return fmt.Sprintf("%s, %s", counted(arg(1), "byte"), protection(arg(2)))
	case event.OpPoll:
		return c.pollWords(arg)
	case event.OpFallocate:
		return fmt.Sprintf("mode %d, offset %d, %s", int32(arg(1)), int64(arg(2)), counted(arg(3), "byte"))
	case event.OpSocket:
		return fmt.Sprintf("family %d, type %d, protocol %d", int32(arg(0)), int32(arg(1)), int32(arg(2)))
	case event.OpSetsockopt, event.OpGetsockopt:
		return fmt.Sprintf("level %d, option %d", int32(arg(1)), int32(arg(2)))
	}
	return ""
}

func counted(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (c *Call) bytesWords(arg func(int) uint64) string {
	switch c.Call.Name {
	case "sendmsg", "recvmsg", "sendmmsg", "recvmmsg": // their sizes are in the process's memory
		return ""
	case "pread64", "pwrite64":
		return fmt.Sprintf("%s, offset %d", counted(arg(2), "byte"), int64(arg(3)))
	}
	return counted(arg(2), "byte")
}

func (c *Call) pollWords(arg func(int) uint64) string {
	switch c.Call.Name {
	case "poll", "ppoll", "ppoll_time64":
		return counted(uint64(uint32(arg(1))), "descriptor")
	case "epoll_ctl":
		operations := []string{"", "EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "EPOLL_CTL_MOD"}
		if op := arg(1); op < uint64(len(operations)) {
			return operations[op]
		}
	}
	return ""
}

func protection(prot uint64) string {
	return flagWords(prot, []flagName{{unix.PROT_READ, "PROT_READ"}, {unix.PROT_WRITE, "PROT_WRITE"},
		{unix.PROT_EXEC, "PROT_EXEC"}}, "PROT_NONE")
}

type flagName struct {
	flag uint64
	name string
}

// flagWords joins the names of flags; those without a name come last, as one number.
func flagWords(flags uint64, names []flagName, none string) string {
	var words []string
	for _, f := range names {
		if flags&f.flag == f.flag {
			words = append(words, f.name)
			flags &^= f.flag
		}
	}
	switch {
	case flags != 0:
		words = append(words, fmt.Sprintf("0x%x", flags))
	case len(words) == 0:
		return none
	}
	return strings.Join(words, "|")
}

// largeFile is O_LARGEFILE of x86-64 kernels, which user space need not give there.
const largeFile = 0o100000

var openFlags = []flagName{
	{unix.O_CREAT, "O_CREAT"}, {unix.O_EXCL, "O_EXCL"}, {unix.O_NOCTTY, "O_NOCTTY"}, {unix.O_TRUNC, "O_TRUNC"},
	{unix.O_APPEND, "O_APPEND"}, {unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_SYNC, "O_SYNC"}, {unix.O_DSYNC, "O_DSYNC"},
	{unix.O_DIRECT, "O_DIRECT"}, {unix.O_TMPFILE, "O_TMPFILE"}, {unix.O_DIRECTORY, "O_DIRECTORY"},
	{unix.O_NOFOLLOW, "O_NOFOLLOW"}, {unix.O_NOATIME, "O_NOATIME"}, {unix.O_CLOEXEC, "O_CLOEXEC"}, {unix.O_PATH, "O_PATH"},
}

// openWords are the flags of an open. Those of openat2 are in the process's memory.
func (c *Call) openWords(arg func(int) uint64) string {
	var flags uint64
	switch c.Call.Name {
	case "open":
		flags = arg(1)
	case "openat":
		flags = arg(2)
	case "creat":
		flags = unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC
	default:
		return ""
	}
	flags = uint64(uint32(flags)) &^ largeFile
	mode := []string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[flags&unix.O_ACCMODE]
	rest := flagWords(flags&^unix.O_ACCMODE, openFlags, "")
	if rest == "" {
		return mode
	}
	return mode + "|" + rest
}
