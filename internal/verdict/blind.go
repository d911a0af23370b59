// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"fmt"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// blind returns the kinds of record that no proved hook writes, each with the reason. A record proves its hook, also
// where the machine hung before it could say how often each one was called.
func blind(hooks []evidence.Hook, events []event.Event) map[event.Kind]string {
	why, seen := make(map[string]string), make(map[string]bool)
	for i := range events {
		seen[events[i].Kind.String()] = true
	}
	for i := range hooks {
		h := &hooks[i]
		for _, kind := range h.Kinds {
			switch {
			case h.Proved, h.Absent():
				seen[kind] = true
			case h.Attached:
				why[kind] = fmt.Sprintf("hook %s on %s never fired", h.Name, h.Target)
			case why[kind] == "":
				why[kind] = fmt.Sprintf("hook %s is not attached: %s", h.Name, cmp.Or(h.Note, "this kernel refused it"))
			}
		}
	}
	if len(hooks) == 0 || len(seen)+len(why) == 0 {
		return nil // the tracer did not start, or does not say what its hooks write
	}
	kinds := make(map[event.Kind]string)
	for kind := range event.Kinds() {
		if kind >= event.ProcessForked && kind <= event.WakesCounted && why[kind.String()] == "" {
			continue // nobody is followed unless it is asked for, and then its hooks are there
		}
		if !seen[kind.String()] {
			kinds[kind] = cmp.Or(why[kind.String()], "no hook on this kernel writes it")
		}
	}
	return kinds
}
