// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
)

// judgeLeaks looks at what is left after unload: threads first, whose code is gone,
// then what keeps a module loaded, then the rest.
func judgeLeaks(e *evidence.Evidence, res *result.Result) (result.Verdict, bool) {
	var held, rest []result.Leftover
	for _, l := range res.Leaks {
		if l.Kind == "reference" {
			held = append(held, l)
		} else {
			rest = append(rest, l)
		}
	}
	threads, modules := leftAlive(e, res)
	v := result.Verdict{Class: result.Leak, Evidence: evidenceOf(res.Leaks)}
	switch {
	case len(threads) > 0:
		v.Message = "still alive after unload: " + list(threads)
		if others := beside(res.Leaks, res.Threads); len(others) > 0 {
			v.Message += "; left behind: " + list(describe(others))
		}
		v.Hint = stopHint(res.Threads)
	case len(held) > 0:
		v.Message = "never dropped: " + list(describe(held))
		if len(rest) > 0 {
			v.Message += "; left behind: " + list(describe(rest))
		}
		v.Hint = undoHint(held, "pair every get with a put: try_module_get with module_put, find_get_pid with put_pid, "+
			"get_task_struct with put_task_struct")
	case len(modules) > 0 && e.Failed(evidence.Unload) == nil:
		v.Message = "still loaded after unload: " + list(modules)
		v.Hint = "lsmod shows what uses a module; pair every try_module_get with a module_put"
	case len(rest) > 0:
		v.Message = "left behind after unload: " + list(describe(rest))
		v.Hint = undoHint(rest, "undo in the exit function, in reverse order, all that init did: kfree, remove_proc_entry, "+
			"unregister_chrdev, kobject_put, timer_delete_sync, cancel_work_sync")
	default:
		return result.Verdict{}, false
	}
	return v, true
}

func describe(leaks []result.Leftover) []string {
	var words []string
	for _, l := range leaks {
		text := l.What
		if l.Site != "" {
			text += " (" + withLine(l.Site, l.File, l.Line, ", ", "") + ")"
		}
		words = append(words, text)
	}
	return words
}

func evidenceOf(leaks []result.Leftover) []string {
	lines := describe(leaks)
	for i := range lines {
		lines[i] = leaks[i].Kind + ": " + lines[i]
	}
	return lines
}

// leftAlive returns the threads that outlive their module, and the modules that
// should have been unloaded and were not.
func leftAlive(e *evidence.Evidence, res *result.Result) (threads, modules []string) {
	if !e.Unloaded && e.Refused() == nil { // the code of a module that refused its load is gone, too
		return nil, nil
	}
	gone := map[string]bool{} // or should be
	for _, m := range res.Modules {
		if m.Background {
			continue
		}
		stays := m.Loaded && !m.Unloaded && e.Failed(evidence.Unload) != nil // and so does its code
		gone[m.Name] = !stays
		if m.Loaded && !m.Unloaded && slices.Contains(e.Studied, m.Name) {
			modules = append(modules, m.Name)
		}
	}
	for i := range res.Threads {
		t := &res.Threads[i]
		switch {
		case !t.Alive:
		case gone[moduleOf(t.Function)]:
			threads = append(threads, fmt.Sprintf("%s[%d] (%s)", t.Name, t.PID, t.Function))
		case lent(t) != nil && gone[moduleOf(t.Requester.Site)]:
			at := res.Sources[t.Requester.Site]
			threads = append(threads, fmt.Sprintf("%s[%d] (%s, asked for in %s)", t.Name, t.PID, t.Function,
				withLine(t.Requester.Site, at.File, at.Line, ", ", "")))
		}
	}
	return threads, modules
}

// lender is a function of the kernel with which a module gets a thread that runs the kernel's code for it.
type lender struct {
	asked []string // functions that a module calls
	undo  string   // the function that ends the thread
}

// lenders are the lenders by the function that the thread runs.
var lenders = map[string]lender{
	"rescuer_thread": {[]string{"alloc_workqueue", "alloc_workqueue_lockdep_map"}, "destroy_workqueue"},
	"kthread_worker_fn": {
		[]string{
			"kthread_create_worker", "kthread_create_worker_on_cpu", "kthread_create_worker_on_node",
			"kthread_create_on_node", "kthread_create_on_cpu",
		}, "kthread_destroy_worker",
	},
	"irq_thread": {[]string{"request_threaded_irq", "request_any_context_irq"}, "free_irq"},
}

// itself is a module's own call for a thread, which may run any function, one of the kernel's as well. It is stopped
// like the others.
var itself = lender{asked: []string{"kthread_create_on_node", "kthread_create_on_cpu"}}

// lent returns how the module that asked for a thread got it, nil if the thread runs the module's own code, or belongs
// to a part of the kernel that made it meanwhile: then the module did not call such a function itself.
func lent(t *result.Thread) *lender {
	l, ok := lenders[t.Function]
	switch {
	case strings.HasSuffix(t.Function, "]"):
		return nil
	case !ok:
		l = itself
	}
	for i, site := range t.Stack {
		if strings.HasSuffix(site, "]") {
			called := ""
			if i > 0 {
				called, _, _ = strings.Cut(t.Stack[i-1], "+")
			}
			if slices.Contains(l.asked, strings.TrimSuffix(called, "_noprof")) {
				return &l
			}
			return nil
		}
	}
	return nil
}

// stopHint says how the threads that are still alive are ended.
func stopHint(threads []result.Thread) string {
	for i := range threads {
		if l := lent(&threads[i]); threads[i].Alive && l != nil && l.undo != "" {
			return "call " + l.undo + " in the exit function: the kernel's thread works for this module until then"
		}
	}
	return "stop every thread in the module's exit function (kthread_stop), before its code is freed"
}

// beside returns what was left besides the threads, without what made the kernel's threads that are named already.
func beside(left []result.Leftover, threads []result.Thread) []result.Leftover {
	return slices.DeleteFunc(slices.Clone(left), func(l result.Leftover) bool {
		return slices.ContainsFunc(threads, func(t result.Thread) bool {
			how := lent(&t)
			return t.Alive && how != nil && how.undo != "" && how.undo == l.Undo && t.Requester.Site == l.Site
		})
	})
}

// undoHint names the functions that give back what was left, where they are known.
func undoHint(left []result.Leftover, otherwise string) string {
	const most = 6
	var calls, missing []string
	for _, l := range asTaken(left) {
		if l.Undo == "" {
			return otherwise
		}
		if !slices.Contains(calls, l.Undo) {
			calls = append(calls, l.Undo)
			if l.NoUndo {
				missing = append(missing, l.Undo)
			}
		}
	}
	if len(calls) == 0 || len(calls) > most {
		return otherwise
	}
	slices.Reverse(calls)
	hint := "call " + strings.Join(calls, ", then ") + " in the exit function, and in init where it fails later"
	if len(missing) > 0 {
		hint += "; the module does not even import " + strings.Join(missing, " and ")
	}
	return hint
}

// asTaken sorts things by the places where they were taken, if one function took them all: what was taken first is
// given back last. Otherwise nothing tells their order.
func asTaken(left []result.Leftover) []result.Leftover {
	sorted := slices.Clone(left)
	for _, l := range left {
		if l.Site == "" || withoutOffset(l.Site) != withoutOffset(left[0].Site) {
			return sorted
		}
	}
	slices.SortStableFunc(sorted, func(a, b result.Leftover) int {
		return cmp.Compare(offsetOf(a.Site), offsetOf(b.Site))
	})
	return sorted
}

// offsetOf is 1 of function+0x1 [module].
func offsetOf(site string) uint64 {
	_, offset, _ := strings.Cut(site, "+0x")
	offset, _, _ = strings.Cut(offset, " ")
	n, _ := strconv.ParseUint(offset, 16, 64) // without an offset it is 0
	return n
}

// moduleOf returns the module of "inc_func [signal_handling]".
func moduleOf(function string) string {
	_, module, ok := strings.Cut(function, " [")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(module, "]")
}

// addNoWayBack adds to the hint of a crash what modules that are gone had registered with no way to take it back: the
// kernel may have called what is no longer there. The crash itself need not name the module.
func addNoWayBack(crashes []result.Verdict, res *result.Result) []result.Verdict {
	if len(crashes) == 0 || strings.HasPrefix(crashes[0].Message, "WARNING") {
		return crashes
	}
	for _, u := range res.Unpaired {
		gone := slices.ContainsFunc(res.Modules, func(m result.Module) bool {
			return m.Name == u.Module && (m.FreedNS != nil || m.Unloaded)
		})
		if gone {
			crashes[0].Hint += fmt.Sprintf("; %s, which is unloaded, calls %s (%s) and does not even import %s",
				u.Module, u.Function, withLine(u.Site, u.File, u.Line, ", ", ""), u.Undo)
			break
		}
	}
	return crashes
}

// judgeMisuse returns the verdict of what the modules did wrong without the kernel's noticing.
func judgeMisuse(list []result.Misuse) []result.Verdict {
	if len(list) == 0 {
		return nil
	}
	u := &list[0]
	v := result.Verdict{Class: result.Oops, Message: misused(u) + "; the kernel did not notice"}
	if n := len(list) - 1; n > 0 {
		v.Message += fmt.Sprintf(" (and %d more)", n)
	}
	v.Hint = "the second call frees what somebody else may own by then: set the pointer to NULL after the first, or free " +
		"in one place"
	for _, u := range list[:min(len(list), evidenceLines)] {
		v.Evidence = append(v.Evidence, fmt.Sprintf("%s: in %s, first in %s", u.Kind, u.Site, u.First))
	}
	return []result.Verdict{v}
}

// misused says what a module did wrong.
func misused(u *result.Misuse) string {
	return fmt.Sprintf("%s in %s, of memory that was already freed in %s", u.Kind,
		withLine(u.Site, u.File, u.Line, " (", ")"), withLine(u.First, u.FirstFile, u.FirstLine, " (", ")"))
}

// addMisuse adds to a report in which no code of the modules is what they did wrong before: others' code finds a page
// or an object that was freed twice.
func addMisuse(crashes []result.Verdict, res *result.Result) []result.Verdict {
	if len(crashes) > 0 && len(res.Misuse) > 0 && res.Crashes[oops.Decisive(res.Crashes)].Guilty == nil {
		crashes[0].Message += "; a " + misused(&res.Misuse[0])
	}
	return crashes
}
