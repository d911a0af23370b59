// SPDX-License-Identifier: MIT

package oops

import (
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Merge combines what was found on the console with what was found in the kernel's log (/dev/kmsg) of the same machine.
// A console shows only important lines: a hung task's call trace is only in the log. Reading the log ends when the
// machine's programs do: a panic is only on the console. Of a report in both, the more complete one counts.
func Merge(console, log []result.Crash) []result.Crash {
	var merged []result.Crash
	done := 0 // index into console
	for i := range log {
		at := matching(console[done:], &log[i])
		if at < 0 {
			merged = append(merged, log[i])
			continue
		}
		merged = append(merged, console[done:done+at]...)
		done += at
		merged = append(merged, fuller(console[done], log[i]))
		done++
	}
	return append(merged, console[done:]...)
}

// matching is the index of the same report, -1 if there is none.
func matching(list []result.Crash, c *result.Crash) int {
	for i := range list {
		o := &list[i]
		if o.Type == c.Type && (o.Task == nil || c.Task == nil || o.Task.PID == 0 || c.Task.PID == 0 ||
			o.Task.PID == c.Task.PID) {
			return i
		}
	}
	return -1
}

func fuller(console, log result.Crash) result.Crash {
	more := len(log.Frames) - len(console.Frames)
	if console.Truncated && !log.Truncated || more > 0 || more == 0 && silent(&console) && !silent(&log) {
		return log
	}
	return console
}

// silent reports whether a WARNING has no message. Since 7.x a console does not show where one begins, so a message
// that came slowly is not told from other lines there; the log shows it.
func silent(c *result.Crash) bool { return strings.HasPrefix(c.Title, "WARNING at ") }
