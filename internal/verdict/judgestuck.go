// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/result"
)

// asleep adds to a step that did not end in time that its task sleeps, for a while, and where.
func asleep(v result.Verdict, stuck []result.Stuck) result.Verdict {
	i := slices.IndexFunc(stuck, func(s result.Stuck) bool { return s.Step && s.Ends })
	if v.Class == result.Timeout && i >= 0 {
		v.Message = waits(&stuck[i]) + ", and has not ended in time"
		v.Hint = "a longer --timeout waits for it; sleep less in init and exit, because whoever loads or unloads the module has to wait"
		v.Evidence = stackOf(&stuck[i])
	}
	return v
}

// judgeStuck names the tasks that made no progress. A task that spins in a module is
// the cause, also of the tasks that wait for it.
func judgeStuck(stuck []result.Stuck) []result.Verdict {
	if v, spins := judgeSpins(stuck); spins {
		return []result.Verdict{v}
	}
	i := slices.IndexFunc(stuck, func(s result.Stuck) bool { return s.Step && s.State != result.Running && !s.Ends })
	if i < 0 {
		return nil
	}
	v := result.Verdict{Class: result.Hung, Message: waits(&stuck[i]), Evidence: stackOf(&stuck[i]), Hint: hungHint(stuck)}
	for j, s := range stuck {
		if j != i && s.State != result.Running {
			v.Message += "; " + waits(&s)
			v.Evidence = append(v.Evidence, stackOf(&s)...)
		}
	}
	if both := deadlock(stuck); both != "" {
		v.Message = both + ": " + v.Message
	}
	return []result.Verdict{v}
}

// judgeSpins names the task that spins in a module. Two that spin for locks mostly wait for each other.
func judgeSpins(stuck []result.Stuck) (v result.Verdict, spins bool) {
	for _, s := range stuck {
		locked := strings.Contains(s.Wait, "_lock")
		if s.State != result.Running || s.Site == "" || spins && !locked {
			continue
		}
		text := fmt.Sprintf("%s spins in %s", stuckName(&s), stuckPlace(&s))
		if locked {
			text += ", " + strings.TrimSuffix("for the spinlock "+s.Object, " ")
		} else if s.Note != "" {
			text += ", " + s.Note
		} else if s.Wait != "" {
			text += ", which calls " + s.Wait
		}
		if spins {
			v.Message += "; " + text
			v.Evidence = append(v.Evidence, stackOf(&s)...)
			continue
		}
		spins = true
		v = result.Verdict{Class: result.Lockup, Message: text, Evidence: stackOf(&s),
			Hint: "the loop never ends: sleep in it, and check kthread_should_stop() or a limit"}
		if locked {
			v.Hint = "whoever holds the spinlock does not release it: unlock on every path, do not take it twice, take several in " +
				"the same order everywhere, and use spin_lock_irqsave or spin_lock_bh if an interrupt, a timer or a tasklet takes it too"
		} else {
			v.Hint = cmp.Or(hints.OfSpin(s.Wait), v.Hint)
			return v, true
		}
	}
	return v, spins
}

func hungHint(stuck []result.Stuck) string {
	switch {
	case deadlock(stuck) != "":
		return "take the locks in the same order everywhere"
	case slices.ContainsFunc(stuck, func(s result.Stuck) bool { return s.Note != "" }):
		return "let the thread check kthread_should_stop() in its loop, and return when it is true"
	}
	return cmp.Or(hints.OfWaits(stuck), "find out who should wake it: a thread must check kthread_should_stop(), every "+
		"lock needs its unlock, and init must not wait for another module to load")
}

// deadlock names the tasks each of which holds what the one before it waits for, in a ring, two or more.
func deadlock(stuck []result.Stuck) string {
	for i := range stuck {
		if ring := ringFrom(stuck, i); len(ring) > 1 {
			var words []string
			for n, s := range ring {
				held := ring[(n+len(ring)-1)%len(ring)].Object // that the one before waits for
				words = append(words, fmt.Sprintf("%s holds %s and waits for %s", stuckName(s), held, s.Object))
			}
			return "deadlock: " + strings.Join(words, ", ")
		}
	}
	return ""
}

// ringFrom follows the holders from one task until they come back to it; nil if they do not.
func ringFrom(stuck []result.Stuck, first int) []*result.Stuck {
	ring := []*result.Stuck{&stuck[first]}
	for len(ring) <= len(stuck) {
		holder := ring[len(ring)-1].Holder
		i := slices.IndexFunc(stuck, func(s result.Stuck) bool { return holder != "" && holder == stuckName(&s) })
		switch {
		case i < 0:
			return nil
		case i == first:
			return ring
		}
		ring = append(ring, &stuck[i])
	}
	return nil // a ring that does not include the first
}

func stuckName(s *result.Stuck) string {
	if s.PID == 0 { // a CPU whose task is not known
		return s.Comm
	}
	return fmt.Sprintf("%s[%d]", s.Comm, s.PID)
}

func stuckPlace(s *result.Stuck) string { return withLine(s.Site, s.File, s.Line, " (", ")") }

// withLine adds the source line to a place, if it is known.
func withLine(site, file string, line int, before, after string) string {
	if file == "" || line == 0 {
		return site
	}
	return fmt.Sprintf("%s%s%s:%d%s", site, before, file, line, after)
}

func waits(s *result.Stuck) string {
	text := stuckName(s) + " waits (" + s.State + ")"
	switch {
	case s.State == result.Running:
		text = stuckName(s) + " runs"
	case s.Ends:
		text = stuckName(s) + " sleeps"
	}
	switch {
	case s.Wait != "" && s.Of != "":
		function, module, _ := strings.Cut(withoutOffset(s.Site), " [")
		at := ""
		if s.File != "" && s.Line != 0 {
			at = fmt.Sprintf(", %s:%d", s.File, s.Line)
		}
		text += fmt.Sprintf(" in %s, called by the %s function of %s (%s%s)",
			s.Wait, s.Of, strings.TrimSuffix(module, "]"), function, at)
	case s.Wait != "" && s.Site != "":
		text += " in " + s.Wait + ", called by " + stuckPlace(s)
	case s.Wait != "" || s.Site != "":
		text += " in " + s.Wait + stuckPlace(s)
	}
	if s.Object != "" {
		text += ", for " + s.Object
		switch s.Holder {
		case "":
		case result.Itself:
			text += ", which it holds itself"
		default:
			text += ", which " + s.Holder + " holds"
		}
	}
	if s.Note != "" {
		text += ", " + s.Note
	}
	return text
}

// withoutOffset is function [module] of function+0x1 [module].
func withoutOffset(site string) string {
	function, rest, _ := strings.Cut(site, "+")
	_, module, ok := strings.Cut(rest, " ")
	if !ok {
		return function
	}
	return function + " " + module
}

func stackOf(s *result.Stuck) []string {
	lines := []string{stuckName(s) + " " + s.State}
	return append(lines, s.Stack[:min(len(s.Stack), evidenceLines)]...)
}
