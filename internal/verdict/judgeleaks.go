// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// judgeLeaks looks at what is left after unloading: threads first, which run
// into nothing, then what keeps a module loaded, then the rest.
func judgeLeaks(e *evidence.Evidence, res *result.Result) (result.Verdict, bool) {
	var held []string
	for _, l := range res.Leaks {
		if l.Kind == "reference" {
			held = append(held, l.What)
		}
	}
	threads, modules := leftAlive(e, res)
	switch {
	case len(threads) > 0:
		return result.Verdict{Class: result.Leak, Message: "still alive after unload: " + list(threads), Evidence: evidenceOf(res.Leaks),
			Hint: "stop every thread in the module's exit (kthread_stop) before its code goes away"}, true
	case len(held) > 0:
		return result.Verdict{Class: result.Leak, Message: "never put back: " + list(describe(res.Leaks)), Evidence: evidenceOf(res.Leaks),
			Hint: "every get needs its put: try_module_get and module_put, find_get_pid and put_pid, get_task_struct and put_task_struct"}, true
	case len(modules) > 0 && e.Failed(evidence.Unload) == nil:
		return result.Verdict{Class: result.Leak, Message: "still loaded after unload: " + list(modules),
			Hint: "lsmod shows who holds a module; every try_module_get needs its module_put"}, true
	case len(res.Leaks) > 0:
		return result.Verdict{Class: result.Leak, Message: "left behind after unload: " + list(describe(res.Leaks)), Evidence: evidenceOf(res.Leaks),
			Hint: "undo in exit, in reverse order, what init did: kfree, remove_proc_entry, unregister_chrdev, kobject_put, timer_delete_sync, cancel_work_sync"}, true
	}
	return result.Verdict{}, false
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

// leftAlive are the threads that outlive their module, and the modules that
// were to go and did not.
func leftAlive(e *evidence.Evidence, res *result.Result) (threads, modules []string) {
	if !e.Unloaded {
		return nil, nil
	}
	gone := map[string]bool{} // or should be
	for _, m := range res.Modules {
		if m.Background {
			continue
		}
		gone[m.Name] = true
		if m.Loaded && !m.Unloaded {
			modules = append(modules, m.Name)
		}
	}
	for _, t := range res.Threads {
		if t.Alive && gone[moduleOf(t.Function)] {
			threads = append(threads, fmt.Sprintf("%s[%d] (%s)", t.Name, t.PID, t.Function))
		}
	}
	return threads, modules
}

// moduleOf takes the module out of "inc_func [signal_handling]".
func moduleOf(function string) string {
	_, module, ok := strings.Cut(function, " [")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(module, "]")
}
