// SPDX-License-Identifier: MIT

package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// TestInitJumps: what an init function calls last is a jump, and returns to the kernel. It concerns the module all the
// same, and what the loader does before and after does not.
func TestInitJumps(t *testing.T) {
	var l list
	ask := func(at uint64, by event.Task, name string) {
		l.at(at, event.RequestAsked, event.Event{By: by, Arg: 1, Text: name, Stack: []uint64{0x30}})
	}
	ask(5, loader, "before")
	l.at(10, event.ModuleLoaded, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
		at(11, event.ModuleInitBegin, event.Event{By: loader, Ptr: 0xa0, Text: "m"})
	ask(12, loader, "during")
	ask(13, proc("sh", 50), "elsewhere")
	l.at(14, event.ModuleInitEnd, event.Event{By: loader, Ptr: 0xa0})
	ask(15, loader, "after")
	var shown []string
	for _, r := range Build(l, resolve, Options{Modules: []string{"m"}}).Requests {
		if !r.Background {
			shown = append(shown, r.Name)
		}
	}
	if diff := cmp.Diff([]string{"during"}, shown); diff != "" {
		t.Errorf("requests shown (-want +got):\n%s", diff)
	}
}
