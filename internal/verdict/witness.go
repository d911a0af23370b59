// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/witness"
	"github.com/kmodlab/kmodlab/result"
)

// seen is what the result says of a look at the guest from outside.
func seen(w *evidence.Witness) *result.Witness {
	if w == nil {
		return nil
	}
	r := &result.Witness{Why: w.Why, Begun: w.First != nil, Differences: append([]string{}, w.Differences...)}
	switch {
	case w.First != nil && w.Last != nil:
		r.Modules, r.Tasks, r.Programs = len(w.Last.Modules), len(w.Last.Tasks), len(w.Last.Programs)
		r.Hooked, r.Stayed = w.Last.Hooked, stayed(w.First, w.Last)
	case r.Why == "": // a live run gives a reason, but a recording may come from anybody
		r.Why = "one of the two views of its memory is missing"
	}
	return r
}

// stayed are the modules that were not there at first.
func stayed(first, last *witness.View) []string {
	before := make(map[string]bool)
	for _, m := range first.Modules {
		before[m.Name] = true
	}
	var names []string
	for _, m := range last.Modules {
		if !before[m.Name] {
			names = append(names, m.Name)
		}
	}
	return names
}

// judgeHooked is about functions of the kernel that are still hooked when the modules under study are gone. While one
// of them is loaded, that is what the verdict is about.
func judgeHooked(w *result.Witness, studied []string) []result.Verdict {
	if w == nil || len(w.Hooked) == 0 || slices.ContainsFunc(w.Stayed, func(name string) bool {
		return slices.Contains(studied, name)
	}) {
		return nil
	}
	message := "seen from outside, a kprobe or an ftrace hook was left in " + witness.Names(w.Hooked)
	if n := len(w.Stayed); n > 0 {
		are := "is"
		if n > 1 {
			are = "are"
		}
		message += fmt.Sprintf(" (unless it belongs to %s, which %s still loaded)", witness.Names(w.Stayed), are)
	}
	return []result.Verdict{{
		Class:   result.Leak,
		Message: message,
		Hint: "undo it in the exit function, with unregister_kprobe(), unregister_ftrace_function() or the counterpart of " +
			"whatever set it",
	}}
}

// judgeUnseen is about a guest whose memory made sense before its first module, but not at the end.
func judgeUnseen(w *result.Witness) []result.Verdict {
	if w == nil || w.Why == "" || !w.Begun {
		return nil
	}
	return []result.Verdict{{
		Class: result.Lost, Message: "the guest's memory no longer makes sense from outside: " + w.Why,
		Hint: "a module may have changed the kernel's own lists: read the module's sources",
	}}
}
