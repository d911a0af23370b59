// SPDX-License-Identifier: MIT

package event

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSince(t *testing.T) {
	task := func(pid uint32) Task { return Task{PID: pid, TGID: pid} }
	events := []Event{
		{Time: 140, Kind: ThreadFirstRun, By: task(7)}, // the pid belongs to another task now
		{Time: 10, Kind: ThreadFirstRun, By: task(7)},
		{Time: 20, Kind: HelperForked, By: task(8)},
		{Time: 30, Kind: SignalSent, By: task(1), Target: task(7)},
		{Time: 40, Kind: ThreadFirstRun, By: task(9)},
		{Time: 50, Kind: TaskFreed, By: task(1), Target: task(9)},
		{Time: 100, Kind: ThreadRequested, By: task(1)},
		{Time: 105, Kind: HelperWaited, By: task(8)}, // it still does its work
		{Time: 110, Kind: TaskExited, By: task(8)},
		{Time: 120, Kind: TaskFreed, By: task(8), Target: task(3)}, // 8 happened to run
		{Time: 130, Kind: TaskFreed, By: task(1), Target: task(7)},
		{Time: 135, Kind: ThreadFirstRun, By: task(9)}, // freed before the mark
	}
	var got []uint64
	for _, e := range Since(events, 100) {
		got = append(got, e.Time)
	}
	if diff := cmp.Diff([]uint64{100, 105, 120, 135, 140}, got); diff != "" {
		t.Errorf("times of what counts (-want +got):\n%s", diff)
	}
	if got := Since(events, 0); len(got) != len(events) {
		t.Errorf("without a mark %d of %d events count, want all", len(got), len(events))
	}
}
