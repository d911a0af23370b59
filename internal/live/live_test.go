// SPDX-License-Identifier: MIT

package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// TestLive checks that the events that count come in the order of time over several
// ticks, and an event that is late after those already reported.
func TestLive(t *testing.T) {
	var got []uint64
	l := New(func(s *notify.Seen) { got = append(got, s.Event.Time) }, func(string) *symbols.Module { return nil })
	add := func(times ...uint64) {
		for _, at := range times {
			l.Add(event.Event{Time: at, Kind: event.ModuleLoaded, Text: "m"})
		}
	}
	l.prepare(nil, 100)
	add(90, 130, 110)
	settled := l.pass(0)
	if len(got) != 0 {
		t.Errorf("%v was shown before older events could come", got)
	}
	add(120, 150, 140)
	settled = l.pass(settled)
	if diff := cmp.Diff([]uint64{110, 120, 130}, got); diff != "" {
		t.Errorf("after the second tick (-want +got):\n%s", diff)
	}
	add(125)
	l.pass(settled)
	l.pass(^uint64(0))
	if diff := cmp.Diff([]uint64{110, 120, 130, 125, 140, 150}, got); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}
