// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// A shell's limits hold for the build's commands too. Their words alone prove nothing, for a build can print anything:
// the limit must be below what an ordinary build needs.
var inherited = []struct {
	words    *lazyregexp.Regexp
	resource int
	least    uint64
	flag     string // of ulimit
	unit     uint64 // in which ulimit counts
}{
	{lazyregexp.New(`(?i)too many open files`), unix.RLIMIT_NOFILE, 256, "-n", 1},
	{lazyregexp.New(`(?i)cannot allocate memory|memory exhausted|out of memory|failed to map segment|bad_alloc`),
		unix.RLIMIT_AS, 2 << 30, "-v", 1024},
	{lazyregexp.New(`(?i)file size limit exceeded|file too large`), unix.RLIMIT_FSIZE, 256 << 20, "-f", 1024},
	{lazyregexp.New(`(?i)resource temporarily unavailable|cannot fork|no child processes`), unix.RLIMIT_NPROC, 256, "-u", 1},
	{lazyregexp.New(`(?i)killed|cpu time limit exceeded`), unix.RLIMIT_CPU, 600, "-t", 1},
}

// limitError is about a limit of this process that a failed command ran into, nil if it did not. of returns a limit.
func limitError(raw string, of func(resource int) uint64) *Error {
	for _, l := range inherited {
		limit := of(l.resource)
		if limit >= l.least || !l.words.MatchString(raw) {
			continue
		}
		return &Error{Kind: ErrHost,
			Message: fmt.Sprintf("the build ran into a limit of this shell: ulimit %s %d", l.flag, limit/l.unit),
			Hint:    "use a shell without it, or raise it: ulimit " + l.flag + " unlimited"}
	}
	return nil
}

// hardLimit is what the build's commands may have at most.
func hardLimit(resource int) uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Max
}
