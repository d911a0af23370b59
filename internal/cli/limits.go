// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// least are the limits without which no command gets far. Below them the Go runtime ends with a trace of its own in the
// middle of the work, or QEMU does; with less than some 800 MB of address space that happens before main.
var least = []struct {
	resource int
	min      uint64
	unit     uint64 // in which ulimit counts
	flag     string
	what     string
}{
	{unix.RLIMIT_AS, 2 << 30, 1024, "-v", "too little address space"},
	{unix.RLIMIT_NOFILE, 32, 1, "-n", "too few open files"},
}

// checkLimits reports whether this shell's limits let a command work, and says so if they do not. of returns a limit.
func checkLimits(errOut io.Writer, of func(resource int) uint64) bool {
	for _, l := range least {
		limit := of(l.resource)
		if limit >= l.min {
			continue
		}
		fmt.Fprintf(errOut, "kmodlab: this shell allows %s: ulimit %s is %d, at least %d is needed; "+
			"raise it, or use another shell\n", l.what, l.flag, limit/l.unit, l.min/l.unit)
		return false
	}
	return true
}

// currentLimit is what this process may have, without end if the system does not tell.
func currentLimit(resource int) uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil {
		return unix.RLIM_INFINITY
	}
	return limit.Cur
}
