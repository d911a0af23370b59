// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
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
		v.Hint = "stop every thread in the module's exit function (kthread_stop), before its code is freed"
	case len(held) > 0:
		v.Message = "never dropped: " + list(describe(held))
		if len(rest) > 0 {
			v.Message += "; left behind: " + list(describe(rest))
		}
		v.Hint = "pair every get with a put: try_module_get with module_put, find_get_pid with put_pid, " +
			"get_task_struct with put_task_struct"
	case len(modules) > 0 && e.Failed(evidence.Unload) == nil:
		v.Message = "still loaded after unload: " + list(modules)
		v.Hint = "lsmod shows what uses a module; pair every try_module_get with a module_put"
	case len(rest) > 0:
		v.Message = "left behind after unload: " + list(describe(rest))
		v.Hint = "undo in the exit function, in reverse order, all that init did: kfree, remove_proc_entry, " +
			"unregister_chrdev, kobject_put, timer_delete_sync, cancel_work_sync"
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
	if !e.Unloaded {
		return nil, nil
	}
	gone := map[string]bool{} // or should be
	for _, m := range res.Modules {
		if m.Background {
			continue
		}
		gone[m.Name] = true
		if m.Loaded && !m.Unloaded && slices.Contains(e.Studied, m.Name) {
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

// moduleOf returns the module of "inc_func [signal_handling]".
func moduleOf(function string) string {
	_, module, ok := strings.Cut(function, " [")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(module, "]")
}
