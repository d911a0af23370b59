// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/witness"
	"github.com/kmodlab/kmodlab/result"
)

// seen is what the result says of a look at the guest from outside.
func seen(w *evidence.Witness, studied []string) *result.Witness {
	if w == nil {
		return nil
	}
	r := &result.Witness{Why: w.Why, Begun: w.First != nil, Differences: append([]string{}, w.Differences...)}
	if w.Last != nil {
		r.Modules, r.Tasks, r.Programs = len(w.Last.Modules), len(w.Last.Tasks), len(w.Last.Programs)
		if !othersStay(w, studied) {
			r.Hooked = w.Last.Hooked
		}
	}
	return r
}

// othersStay reports whether a module that is not under study has stayed loaded: hooks may be its own.
func othersStay(w *evidence.Witness, studied []string) bool {
	return slices.ContainsFunc(w.Last.Modules, func(m witness.Module) bool {
		before := slices.ContainsFunc(w.First.Modules, func(f witness.Module) bool { return f.Name == m.Name })
		return !before && !slices.Contains(studied, m.Name)
	})
}

// judgeHooked is about functions of the kernel that are still hooked when the modules are gone.
func judgeHooked(w *result.Witness) []result.Verdict {
	if w == nil || len(w.Hooked) == 0 {
		return nil
	}
	return []result.Verdict{{
		Class:   result.Leak,
		Message: "seen from outside, a kprobe or a hook of ftrace was left in " + witness.Names(w.Hooked),
		Hint: "undo it in the exit function: unregister_kprobe() or unregister_ftrace_function(), or what else belongs to " +
			"what set it",
	}}
}

// judgeUnseen is about a guest that could be looked at before its first module, and not at the end.
func judgeUnseen(w *result.Witness) []result.Verdict {
	if w == nil || w.Why == "" || !w.Begun {
		return nil
	}
	return []result.Verdict{{
		Class: result.Lost, Message: "the guest cannot be understood from outside any more: " + w.Why,
		Hint: "a module may have changed the kernel's own lists: read the module's sources",
	}}
}
