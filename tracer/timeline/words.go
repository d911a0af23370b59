// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/errno"
)

// eRestartSys is the kernel's own "restart the call". User space never sees it, but callers of request_module do.
const eRestartSys = 512

// errnoName names a negative errno ("-ENOENT"), "" for everything else.
func errnoName(ret int64) string {
	if ret >= 0 || ret < -4095 {
		return ""
	}
	name := errno.Name(int(-ret))
	if name[0] != 'E' {
		return ""
	}
	return "-" + name
}

// errnoWords names a negative errno, or prints the number.
func errnoWords(ret int64) string {
	if name := errnoName(ret); name != "" {
		return name
	}
	return fmt.Sprint(ret)
}

// taskFlags are the flags of a task (include/linux/sched.h) that a kernel thread can have, as far as 5.10 to 7.3 agree
// on their values.
var taskFlags = []struct {
	flag uint32
	name string
}{
	{0x00000004, "PF_EXITING"}, {0x00000020, "PF_WQ_WORKER"}, {0x00000040, "PF_FORKNOEXEC"}, {0x00000800, "PF_MEMALLOC"},
	{0x00008000, "PF_NOFREEZE"}, {0x00200000, "PF_KTHREAD"}, {0x04000000, "PF_NO_SETAFFINITY"},
}

// FlagNames names a task's flags; those without a name come last, as one number.
func FlagNames(flags uint32) []string {
	var names []string
	for _, f := range taskFlags {
		if flags&f.flag != 0 {
			names = append(names, f.name)
			flags &^= f.flag
		}
	}
	if flags != 0 {
		names = append(names, fmt.Sprintf("%#x", flags))
	}
	return names
}

// SignalName returns SIGUSR1 for 10 and SIG34 for the real-time signals, which have no names in the kernel.
func SignalName(signo int) string {
	if name := unix.SignalName(unix.Signal(signo)); name != "" {
		return name
	}
	return fmt.Sprintf("SIG%d", signo)
}

// requestWords says what request_module's result means. Errors come from the kernel, positive values are modprobe's raw
// wait status (kernel/kmod.c, kernel/umh.c; the same from 5.10 to 7.3).
func requestWords(ret int64, wait bool) string {
	switch {
	case ret == 0 && wait:
		return "modprobe ended with 0"
	case ret == 0:
		return "modprobe was started"
	case ret > 0:
		return "modprobe " + statusWords(ret)
	}
	name := errnoWords(ret)
	switch -ret {
	case int64(unix.ENOENT):
		return name + ": no modprobe (path empty or missing)"
	case int64(unix.ETIME):
		return name + ": too many requests at once, and none ended in time"
	case int64(unix.EBUSY):
		return name + ": the kernel runs no helpers at the moment"
	case int64(unix.ENAMETOOLONG):
		return name + ": the name is longer than a module's can be"
	case int64(unix.EACCES), int64(unix.ENOEXEC):
		return name + ": modprobe cannot be executed"
	case int64(unix.EPERM):
		return name + ": a security module refused"
	case eRestartSys, int64(unix.EINTR):
		return name + ": the caller was killed while it waited"
	}
	return name
}

// statusWords decodes a raw wait status.
func statusWords(status int64) string {
	if sig := int(status & 0x7f); sig != 0 {
		words := "was killed by " + SignalName(sig)
		if status&0x80 != 0 {
			words += " (core dumped)"
		}
		return words
	}
	return fmt.Sprintf("ended with %d", status>>8&0xff)
}

// Span prints nanoseconds in a suitable unit: 640 ns, 12 µs, 3.2 ms, 1.26 s, 75 s.
func Span(ns int64) string {
	if ns < 0 {
		return "-" + Span(-max(ns, -1<<62))
	}
	switch v := float64(ns); {
	case ns < 1_000:
		return fmt.Sprintf("%d ns", ns)
	case ns < 99_500:
		return fmt.Sprintf("%.0f µs", v/1e3)
	case ns < 9_950_000:
		return fmt.Sprintf("%.1f ms", v/1e6)
	case ns < 999_500_000:
		return fmt.Sprintf("%.0f ms", v/1e6)
	case ns < 9_995_000_000:
		return fmt.Sprintf("%.2f s", v/1e9)
	default:
		return fmt.Sprintf("%.0f s", v/1e9)
	}
}

// between prints the time from one moment to a later one.
func between(from, to uint64) string {
	if to < from {
		return Span(0)
	}
	return Span(int64(min(to-from, 1<<62)))
}
