// SPDX-License-Identifier: MIT

package oops

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// A line on a console proves nothing: a module can print "BUG: the cable is loose". The kernel's own reports have a
// body, and most of them leave a trace in the kernel's taint mask (/proc/sys/kernel/tainted).

// The bits of the taint mask that the kernel's reports set, 5.10 to 7.3.
const (
	TaintBadPage uint64 = 1 << 5  // a page or an object of a slab cache is corrupt
	TaintDie     uint64 = 1 << 7  // an oops or a BUG
	TaintWarn    uint64 = 1 << 9  // a WARNING, or sleeping in atomic context
	TaintLockup  uint64 = 1 << 14 // a soft lockup
)

// Reported are the bits that only a report of the kernel sets.
const Reported = TaintBadPage | TaintDie | TaintWarn | TaintLockup

// dying are the types of report after which the kernel ends the task.
var dying = []string{
	"null-dereference", "page-fault", "general-protection", "stack-overflow", "invalid-opcode", "divide-error",
	"double-fault", "int3", "trap", "oops",
}

// taintOf is the bit that a report of this type and title sets, 0 for a type that sets none.
func taintOf(kind, title string) uint64 {
	switch {
	case strings.HasPrefix(title, "kernel BUG at"), slices.Contains(dying, kind):
		return TaintDie
	case kind == "scheduling-while-atomic", kind == "sleeping-in-atomic",
		strings.HasPrefix(title, "WARNING") && kind != "lockdep":
		return TaintWarn
	case kind == "bad-page", kind == "slab-corruption", kind == "kasan", kind == "kfence":
		return TaintBadPage
	case kind == "soft-lockup":
		return TaintLockup
	}
	return 0
}

// died is what the kernel prints as it ends a task, with the number of the oops.
var died = lazyregexp.New(`: [0-9a-f]{4} \[#\d+\]`)

// TaintBit is the bit of the taint mask that a report sets, 0 if it sets none.
func TaintBit(c *result.Crash) uint64 {
	if slices.ContainsFunc(c.Log, func(line string) bool {
		return strings.HasPrefix(line, "kernel BUG at ") || died.MatchString(line)
	}) {
		return TaintDie
	}
	return taintOf(c.Type, c.Title)
}

// Kills reports whether the kernel ends the task in which it found such a thing.
func Kills(c *result.Crash) bool { return TaintBit(c) == TaintDie }

// Stops reports whether a machine may not go on after such a thing: a task has died with its locks held, or sleeps
// where nothing may, so that its CPU never comes back from an interrupt.
func Stops(c *result.Crash) bool {
	return Kills(c) || strings.Contains(c.Title, "scheduling while atomic")
}

// body is a line that the kernel prints after the header of a report.
var body = lazyregexp.New(`^(?:RIP: [0-9a-f]{4}:|CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: |Call Trace:|Modules linked in:` +
	`|task:\S.* state:|---\[ end |Mem-Info:|"echo 0 > /proc/sys/kernel/hung_task_timeout_secs"|rcu: +|\t+\(?\S` +
	`|page: ?\S|Kernel Offset: |#PF: |PGD [0-9a-f]+ |(?:Read|Write) of size \d|-{20}|Showing busy workqueues` +
	`|in_atomic\(\): |NMI backtrace for cpu| {1,2}(?:\? )?[A-Za-z_.$][\w.$]*\+0x[0-9a-f]+/0x[0-9a-f]+)`)

// HasBody reports whether more than the header of a report is there.
func HasBody(c *result.Crash) bool { return slices.ContainsFunc(c.Log, body.MatchString) }

// Witness is what else is known at the end of a run about what a console claims.
type Witness struct {
	Answered bool   // the guest answered to the end
	Tainted  bool   // Taint was read then
	Taint    uint64 // the taint mask
	Modules  []string
}

// Believes reports whether a report is the kernel's own. Of a guest that no longer answers the console is the only
// witness. It may have died after the header of its report, which is then the last that it said.
func (w Witness) Believes(c *result.Crash) bool {
	if !w.Answered {
		return HasBody(c) || len(c.Log) <= 2
	}
	bit := TaintBit(c)
	switch {
	case c.Class == result.Panic, !HasBody(c):
		return false
	case bit != 0 && w.Tainted:
		return w.Taint&bit != 0
	case bit == 0 && c.Type == "bug":
		return !w.own(c)
	}
	return true
}

// own reports whether a module itself printed a stack after its line, with dump_stack().
func (w Witness) own(c *result.Crash) bool {
	for i := range c.Frames {
		f := &c.Frames[i]
		if strings.HasPrefix(f.Function, "dump_stack") || strings.HasPrefix(f.Function, "show_stack") || !f.Reliable {
			continue
		}
		return slices.Contains(w.Modules, f.Module)
	}
	return false
}
