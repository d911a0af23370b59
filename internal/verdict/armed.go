// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
)

// runners are the functions of the kernel that call what was armed, or walk the lists and trees of it, by the kinds of
// things. A delayed work is a timer until it is due.
var runners = []struct {
	kinds []string
	in    *lazyregexp.Regexp
}{
	{[]string{"timer"}, lazyregexp.New(`^(?:hrtimer_interrupt|__hrtimer_run_queues|hrtimer_run_queues|timerqueue_\w+` +
		`|__remove_hrtimer|enqueue_hrtimer|hrtimer_run_softirq|hrtimer_start_range_ns)$`)},
	{[]string{"timer", "work"}, lazyregexp.New(`^(?:__run_timers|run_timer_softirq|call_timer_fn|expire_timers` +
		`|enqueue_timer|__mod_timer|detach_if_pending|run_timer_base|add_timer_on)$`)},
	{[]string{"work"}, lazyregexp.New(`^(?:process_one_work|worker_thread|process_scheduled_works|__queue_work` +
		`|delayed_work_timer_fn|insert_work)$`)},
}

// nameArmed adds to a crash in which the kernel called or read what is gone who had armed it: a timer or a work item of
// a module that was unloaded. No frame of the module is left then.
func (m *maker) nameArmed(crashes []result.Crash) {
	ledger := m.e.Left.Ledger
	if ledger == nil {
		return
	}
	for i := range crashes {
		c := &crashes[i]
		if c.Guilty != nil || c.GoesOn() || c.Class == result.Panic {
			continue
		}
		if text := m.armed(c, ledger); text != "" {
			c.Title += "; " + text
			return
		}
	}
}

// armed says who armed the first thing of the kind that a crash is about.
func (m *maker) armed(c *result.Crash, ledger *leaks.Ledger) string {
	for _, r := range runners {
		inRunner := func(f result.Frame) bool { return f.Module == "" && r.in.MatchString(f.Function) }
		if !slices.ContainsFunc(c.Frames, inRunner) {
			continue
		}
		left := ledger.Left(m.e.Studied, m.placeOf)
		for _, kind := range r.kinds {
			i := slices.IndexFunc(left, func(l result.Leftover) bool { return l.Kind == kind && l.Site != "" })
			if i < 0 {
				continue
			}
			l := left[i]
			file, line := m.locator.position(l.Site, false)
			verb, end := "armed", "was still pending after the unload"
			if kind == "work" {
				verb = "queued"
			}
			if ledger.Unloading() {
				end = "was still pending when the unload began"
			}
			what, of, _ := strings.Cut(l.What, " that ") // is still armed, for tick [m]
			if _, function, ok := strings.Cut(of, ", for "); ok {
				what += " for " + function
			}
			return fmt.Sprintf("%s, %s in %s, %s", what, verb, withLine(l.Site, file, line, " (", ")"), end)
		}
	}
	return ""
}
