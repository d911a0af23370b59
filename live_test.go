// SPDX-License-Identifier: MIT

package kmodlab

import (
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// TestLive wants what counts, in the order of time over several ticks, with what
// came late behind what was shown already.
func TestLive(t *testing.T) {
	var got []uint64
	l := newLive(func(s *Seen) { got = append(got, s.Event.Time) }, func(string) *symbols.Module { return nil })
	add := func(times ...uint64) {
		for _, at := range times {
			l.add(event.Event{Time: at, Kind: event.ModuleLoaded, Text: "m"})
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

func TestUnmatched(t *testing.T) {
	event := []event.Event{{By: event.Task{Comm: "a_thread_with_lo"[:15]}, Target: event.Task{Comm: "K1"}}}
	for _, test := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, nil},
		{Filter{Thread: "K1", Module: "m"}, nil},
		{Filter{Thread: "a_thread_with_long_name"}, nil},
		{Filter{Thread: "K9"}, []string{"--thread K9"}},
	} {
		if diff := cmp.Diff(test.want, test.filter.unmatched(event)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.filter, diff)
		}
	}
	all := Filter{Thread: "K1", Module: "m", From: "f", To: "7", Signals: []syscall.Signal{syscall.SIGUSR1, 40}}
	want := []string{"--thread K1", "--module m", "--from f", "--to 7", "--signal SIGUSR1,SIG40"}
	if diff := cmp.Diff(want, all.unmatched(nil)); diff != "" {
		t.Errorf("without any event (-want +got):\n%s", diff)
	}
}
