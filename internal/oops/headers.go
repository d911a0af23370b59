// SPDX-License-Identifier: MIT

package oops

import (
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// header is the first line of a report. The first one in the table that matches
// a line counts. Part of a module's own message at the start of a line can look
// like one; the patterns ask for what the kernel prints around it.
type header struct {
	line  *lazyregexp.Regexp
	class result.Class
	// title is expanded with the line's submatches; " in FUNCTION" follows.
	title string
	// inner says that this header also stands inside the report of a fault:
	// BUG: … then Oops: …
	inner bool
	// short says that the report ends with its call trace: no registers follow.
	short bool
}

var headers = []header{
	{line: re(`^Kernel panic - not syncing: (.+)`), class: result.Panic, title: "Kernel panic: $1"},
	{line: re(`^(?:watchdog: )?BUG: soft lockup - CPU#\d+ stuck for .*`), class: result.Lockup, title: "BUG: soft lockup"},
	{line: re(`^(?:NMI watchdog: |watchdog: )?(?:Watchdog|CPU\d+: Watchdog) detected hard LOCKUP on cpu \d+.*`), class: result.Lockup, title: "hard lockup"},
	{line: re(`^BUG: workqueue lockup - pool.*`), class: result.Lockup, title: "BUG: workqueue lockup", short: true},
	{line: re(`^(?:rcu: )?INFO: (\S+) (?:self-)?detected (expedited )?stalls? on .*`), class: result.Lockup, title: "INFO: $1 stall", short: true},
	{line: re(`^INFO: task (.+?):\d+ (?:<[^>]*> )?(?:is )?blocked (?:on .*|for more than .*)`), class: result.Hung, title: "INFO: task $1 hung", short: true},
	{line: re(`^WARNING: CPU: \d+ PID: \d+ at (\S+) .*`), class: result.Oops, title: "WARNING at $1"},
	{line: re(`^WARNING: (\S+:\d+) at .*`), class: result.Oops, title: "WARNING at $1"},
	{line: re(`^WARNING: ((?:possible|inconsistent|suspicious|held|lock held|bad unlock|nested).*)`), class: result.Oops, title: "WARNING: $1", short: true},
	{line: re(`^BUG: kernel NULL pointer dereference.*`), class: result.Oops, title: "BUG: kernel NULL pointer dereference"},
	{line: re(`^BUG: unable to handle (?:kernel )?page fault for address: .*`), class: result.Oops, title: "BUG: unable to handle page fault"},
	{line: re(`^BUG: scheduling while atomic: (.+?)/\d+/0x.*`), class: result.Oops, title: "BUG: scheduling while atomic", short: true},
	{line: re(`^BUG: sleeping function called from invalid context at (.*)`), class: result.Oops, title: "BUG: sleeping function called from invalid context at $1", short: true},
	{line: re(`^BUG: (K[A-Z]SAN: \S+) in (\S+).*`), class: result.Oops, title: "BUG: $1"},
	{line: re(`^BUG: TASK stack guard page was hit at .*`), class: result.Oops, title: "BUG: stack guard page was hit"},
	{line: re(`^BUG: (.+)`), class: result.Oops, title: "BUG: $1"},
	{line: re(`^kernel BUG at (\S+?)!.*`), class: result.Oops, title: "kernel BUG at $1", inner: true},
	{line: re(`^(?:Oops: )?general protection fault(?:,|:).*`), class: result.Oops, title: "general protection fault", inner: true},
	{line: re(`^(?:Oops: )?(invalid opcode|divide error|stack segment|double fault|int3|bounds|coprocessor segment overrun|alignment check|control protection fault): [0-9a-f]{4} \[#\d+\].*`),
		class: result.Oops, title: "$1", inner: true},
	{line: re(`^Oops: [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, title: "Oops", inner: true},
	{line: re(`^UBSAN: (\S+) in (.*)`), class: result.Oops, title: "UBSAN: $1 in $2", short: true},
}

func re(s string) *lazyregexp.Regexp { return lazyregexp.New(s) }

func headerOf(text string) *header {
	for i := range headers {
		if headers[i].line.MatchString(text) {
			return &headers[i]
		}
	}
	return nil
}
