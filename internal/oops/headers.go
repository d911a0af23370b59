// SPDX-License-Identifier: MIT

package oops

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// header is the first line of a report. The first entry in the table that matches a line counts. Part of a module's own
// message at the start of a line can look like a header, so the patterns demand what the kernel prints around it. The
// groups cpu, comm and pid are the report's own.
type header struct {
	line  *lazyregexp.Regexp
	class result.Class
	kind  string // result.Crash's Type
	// title is expanded with the line's submatches; " in FUNCTION" is appended.
	title string
	// inner says that this header also occurs inside the report of a fault: BUG: … then Oops: …
	inner bool
	// short says that the report ends with its call trace: no registers follow.
	short bool
	// bare says that a call trace follows without a line "Call Trace:".
	bare bool
	// end is the line that ends the report, unless that is "end trace".
	end *lazyregexp.Regexp
}

var (
	equalSigns = re(`^={20,}$`)
	oomKilled  = re(`^(?:Memory cgroup out of memory|Out of memory(?: \([^)]*\))?): Killed process `)
	panicEnd   = re(`^(?:---\[ end Kernel panic|Rebooting in |Kernel Offset: )`)
)

var headers = []header{
	{line: re(`^Kernel panic - not syncing: (.+)`), class: result.Panic, kind: "panic", title: "Kernel panic: $1",
		end: panicEnd},
	{line: re(`^(?:watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for \d+s! \[(?P<comm>.+):(?P<pid>\d+)\]`),
		class: result.Lockup, kind: "soft-lockup", title: "BUG: soft lockup", short: true},
	{line: re(`^(?:watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for .*`), class: result.Lockup,
		kind: "soft-lockup", title: "BUG: soft lockup", short: true},
	{line: re(`^(?:NMI watchdog: |watchdog: )?(?:Watchdog|CPU\d+: Watchdog) detected hard LOCKUP on cpu (?P<cpu>\d+).*`),
		class: result.Lockup, kind: "hard-lockup", title: "hard lockup", short: true},
	{line: re(`^BUG: workqueue lockup - pool.*`), class: result.Lockup, kind: "workqueue-lockup",
		title: "BUG: workqueue lockup", short: true},
	{line: re(`^(?:rcu: )?INFO: (\S+) (?:self-)?detected (expedited )?stalls? on .*`), class: result.Lockup,
		kind: "rcu-stall", title: "INFO: $1 stall", short: true},
	{line: re(`^INFO: task (?P<comm>.+?):(?P<pid>\d+) (?:<[^>]*> )?(?:is )?blocked (?:on .*|for more than .*|in I/O wait for .*)`),
		class: result.Hung, kind: "hung-task", title: "INFO: task $comm hung", short: true},
	{line: re(`^(?P<comm>.+) invoked oom-killer: gfp_mask=.*`), class: result.Oops, kind: "oom-kill",
		title: "Out of memory: $comm asked for more", end: oomKilled},
	{line: re(`^WARNING: CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) at (\S+) .*`), class: result.Oops, kind: "warning",
		title: "WARNING at $3"},
	{line: re(`^WARNING: (\S+:\d+) at .*, CPU#(?P<cpu>\d+): (?P<comm>.+)/(?P<pid>\d+)$`), class: result.Oops,
		kind: "warning", title: "WARNING at $1"},
	{line: re(`^WARNING: (\S+:\d+) at .*`), class: result.Oops, kind: "warning", title: "WARNING at $1"},
	{line: re(`^WARNING: ((?:possible|inconsistent|suspicious|held|lock held|bad unlock|nested).*)`), class: result.Oops,
		kind: "lockdep", title: "WARNING: $1", short: true},
	{line: re(`^BUG: kernel NULL pointer dereference.*`), class: result.Oops, kind: "null-dereference",
		title: "BUG: kernel NULL pointer dereference"},
	{line: re(`^BUG: unable to handle (?:kernel )?page fault for address: .*`), class: result.Oops, kind: "page-fault",
		title: "BUG: unable to handle page fault"},
	{line: re(`^BUG: scheduling while atomic: (?P<comm>.+?)/(?P<pid>\d+)/0x.*`), class: result.Oops,
		kind: "scheduling-while-atomic", title: "BUG: scheduling while atomic", short: true},
	{line: re(`^BUG: sleeping function called from invalid context at (.*)`), class: result.Oops,
		kind: "sleeping-in-atomic", title: "BUG: sleeping function called from invalid context at $1", short: true},
	{line: re(`^BUG: (KASAN: \S+) in (\S+).*`), class: result.Oops, kind: "kasan", title: "BUG: $1", end: equalSigns},
	{line: re(`^BUG: (K[MC]SAN: \S+) in (\S+).*`), class: result.Oops, kind: "ksan", title: "BUG: $1", end: equalSigns},
	{line: re(`^BUG: (KFENCE: .+?) in (\S+).*`), class: result.Oops, kind: "kfence", title: "BUG: $1", bare: true,
		end: equalSigns},
	{line: re(`^BUG: (?:TASK |IRQ |#DF |NMI )?stack guard page was hit at .*`), class: result.Oops,
		kind: "stack-overflow", title: "BUG: stack guard page was hit"},
	{line: re(`^BUG: Bad page state in process (?P<comm>.+) +pfn:.*`), class: result.Oops, kind: "bad-page",
		title: "BUG: Bad page state", short: true},
	{line: re(`^BUG (\S+) \((?:Not tainted|Tainted: [^)]*)\): (.+)`), class: result.Oops, kind: "slab-corruption",
		title: "BUG: $1: $2", short: true},
	{line: re(`^BUG: (.+)`), class: result.Oops, kind: "bug", title: "BUG: $1"},
	{line: re(`^kernel BUG at (\S+?)!.*`), class: result.Oops, kind: "bug", title: "kernel BUG at $1", inner: true},
	{line: re(`^(?:Oops: )?general protection fault(?:,|:).*`), class: result.Oops, kind: "general-protection",
		title: "general protection fault", inner: true},
	{line: re(`^(?:Oops: )?(stack guard page): [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, kind: "stack-overflow",
		title: "$1", inner: true},
	{line: re(`^(?:Oops: )?(invalid opcode): [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, kind: "invalid-opcode",
		title: "$1", inner: true},
	{line: re(`^(?:Oops: )?(divide error): [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, kind: "divide-error",
		title: "$1", inner: true},
	{line: re(`^(?:Oops: )?(double fault): [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, kind: "double-fault",
		title: "$1", inner: true},
	// Since 7.x freed code is filled with it.
	{line: re(`^(?:Oops: )?(int3): [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, kind: "int3", title: "$1", inner: true},
	{line: re(`^(?:traps: )?PANIC: double fault, error_code: .*`), class: result.Oops, kind: "double-fault",
		title: "double fault", inner: true},
	{line: re(`^(?:Oops: )?(stack segment|bounds|coprocessor segment overrun|alignment check|control protection fault): [0-9a-f]{4} \[#\d+\].*`),
		class: result.Oops, kind: "trap", title: "$1", inner: true},
	{line: re(`^Oops: [0-9a-f]{4} \[#\d+\].*`), class: result.Oops, kind: "oops", title: "Oops", inner: true},
	{line: re(`^UBSAN: (\S+) in (.*)`), class: result.Oops, kind: "ubsan", title: "UBSAN: $1 in $2", end: equalSigns},
}

// refinement gives a WARNING or a BUG a more precise type, by what it says or where in the kernel it is.
type refinement struct {
	said *lazyregexp.Regexp // the message before the header, or the header itself
	kind string
}

var refinements = []refinement{
	{re(`\brefcount_t: `), "refcount"},
	{re(`^list_(?:add|del)\b|\blib/list_debug\.c:`), "list-corruption"},
	{re(`do not call blocking ops when !TASK_RUNNING`), "sleeping-in-atomic"},
	{re(`\bkernel/kthread\.c:`), "kthread-misuse"},
	{re(`^ODEBUG: `), "object-misuse"},
	{re(`^usercopy: `), "usercopy"},
	{re(`\bdetected (?:buffer|field-spanning|read|write) (?:overflow|over-?read|write|beyond)|\blib/string(?:_helpers)?\.c:`),
		"string-overflow"},
	{re(`\bmm/slub\.c:|\bmm/slab`), "slab-corruption"},
	{re(`\bkernel/module(?:/main)?\.c:`), "module-misuse"},
	{re(`\bkernel/time/timer\.c:|\bkernel/workqueue\.c:`), "timer-or-work-misuse"},
}

func re(s string) *lazyregexp.Regexp { return lazyregexp.New(s) }

// headerWords covers all headers: each contains at least one of the words. Most lines of a flooded console contain
// none, and this check is cheaper than the table.
var headerWords = []string{"panic", "PANIC", "BUG", "LOCKUP", "INFO: ", "oom-killer", "WARNING", "fault", " [#",
	"UBSAN"}

func headerOf(text string) *header {
	if !slices.ContainsFunc(headerWords, func(word string) bool { return strings.Contains(text, word) }) {
		return nil
	}
	for i := range headers {
		if headers[i].line.MatchString(text) {
			return &headers[i]
		}
	}
	return nil
}

// group is what a named group of the header's line holds, empty if there is none.
func (h *header) group(text, name string) string {
	i := h.line.SubexpIndex(name)
	if i < 0 {
		return ""
	}
	if m := h.line.FindStringSubmatch(text); m != nil {
		return m[i]
	}
	return ""
}
