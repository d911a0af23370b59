// SPDX-License-Identifier: MIT

package leaks

import (
	"fmt"
	"slices"
	"strings"
)

// later reports whether things of a kind call a function of the module later.
func later(kind string) bool { return kind == "timer" || kind == "hrtimer" || kind == "work" }

// Arms reports whether the modules may arm timers or queue work items.
func (p *Plan) Arms() bool {
	return slices.ContainsFunc(p.Settings, func(s Setting) bool {
		return strings.Contains(s.Value, ":"+group+"/") && strings.Contains(s.Value, "_"+arm+"_")
	})
}

// ReadUnloading is Read for a trace that was read before the first unload. Only what was armed then is known.
func ReadUnloading(plan *Plan, trace []byte) *Ledger {
	p := *plan
	p.Unloading = true
	return Read(&p, trace)
}

// Unloading reports whether the trace was read before the first unload.
func (l *Ledger) Unloading() bool { return l.plan.Unloading }

// Armed are the timers and work items of the modules that are still to come, with the times at which they were set.
func (l *Ledger) Armed(modules []string) map[string]uint64 {
	armed := make(map[string]uint64)
	for key, list := range l.held {
		if !later(key.kind) {
			continue
		}
		for _, t := range list {
			if !t.idle && (t.place.Name == "" || slices.Contains(modules, t.place.Module)) {
				armed[fmt.Sprintf("%s %x", key.kind, key.ptr)] = max(t.place.AtNS, t.calls.AtNS)
			}
		}
	}
	return armed
}
