// SPDX-License-Identifier: MIT

package kmodlab

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// TestAfterMark wants only what belongs to the run, also where a task of the
// self-test is freed late and where its pid is used again.
func TestAfterMark(t *testing.T) {
	task := func(pid uint32) event.Task { return event.Task{PID: pid, TGID: pid} }
	events := []event.Event{
		{Time: 140, Kind: event.ThreadFirstRun, By: task(7)}, // the pid is another's now
		{Time: 10, Kind: event.ThreadFirstRun, By: task(7)},
		{Time: 20, Kind: event.HelperForked, By: task(8)},
		{Time: 30, Kind: event.SignalSent, By: task(1), Target: task(7)},
		{Time: 40, Kind: event.ThreadFirstRun, By: task(9)},
		{Time: 50, Kind: event.TaskFreed, By: task(1), Target: task(9)},
		{Time: 100, Kind: event.ThreadRequested, By: task(1)},
		{Time: 105, Kind: event.HelperWaited, By: task(8)}, // it still does its work
		{Time: 110, Kind: event.TaskExited, By: task(8)},
		{Time: 120, Kind: event.TaskFreed, By: task(8), Target: task(3)}, // 8 happened to run
		{Time: 130, Kind: event.TaskFreed, By: task(1), Target: task(7)},
		{Time: 135, Kind: event.ThreadFirstRun, By: task(9)}, // freed before the mark
	}
	var got []uint64
	for _, e := range afterMark(events, 100) {
		got = append(got, e.Time)
	}
	if diff := cmp.Diff([]uint64{100, 105, 120, 135, 140}, got); diff != "" {
		t.Errorf("times of what counts (-want +got):\n%s", diff)
	}
	if got := afterMark(events, 0); len(got) != len(events) {
		t.Errorf("without a mark %d of %d events count, want all", len(got), len(events))
	}
}

// TestBlind wants a kind to be known as soon as one of its hooks was seen to
// fire, in the self-test or in the run, and the best reason where none was.
func TestBlind(t *testing.T) {
	const kind = event.ThreadParked
	deaf := wire.Hook{Name: "a", Target: "f", Note: "no such function", Kinds: []string{kind.String()}}
	silent := wire.Hook{Name: "b", Target: "g", Attached: true, Kinds: []string{kind.String()}}
	inTest, inRun := silent, silent
	inTest.FiredBefore, inRun.Fired = 1, 1
	for _, test := range []struct {
		name  string
		hooks []wire.Hook
		want  string
	}{
		{"no hook tells what it writes", []wire.Hook{{Name: "a"}}, ""},
		{"not attached", []wire.Hook{deaf}, "hook a is not attached: no such function"},
		{"never fired", []wire.Hook{silent, deaf}, "hook b on g never fired"},
		{"fired in the self-test", []wire.Hook{deaf, inTest}, ""},
		{"fired in the run", []wire.Hook{inRun, silent}, ""},
		{"a kind that nobody knows", []wire.Hook{{Kinds: []string{"nosuch"}}}, "no hook on this kernel writes it"},
	} {
		if got := blind(test.hooks)[kind]; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	// What the kernel cannot do is not unknown; what it refuses to show is.
	dups := wire.Hook{Name: "request_duplicate", Note: "this kernel has no function f", Kinds: []string{event.RequestDuplicate.String()}}
	refused := dups
	refused.Note = "permission denied"
	if got := blind([]wire.Hook{dups})[event.RequestDuplicate]; got != "" {
		t.Errorf("duplicates on a kernel without them: %q, want known", got)
	}
	if got := blind([]wire.Hook{refused})[event.RequestDuplicate]; got == "" {
		t.Error("duplicates that the kernel does not show count as known")
	}
	if diff := cmp.Diff([]string{"a", "b", "request_duplicate"}, unprovedNames([]wire.Hook{deaf, inTest, silent, dups, refused})); diff != "" {
		t.Errorf("unproved hooks (-want +got):\n%s", diff)
	}
}
