// SPDX-License-Identifier: MIT

package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

func (l *list) wakes(at uint64, by, thread event.Task, number int64) *list {
	return l.at(at, event.ProcessWoke, event.Event{By: by, Target: thread, Ret: number, Stack: []uint64{0x1000}})
}

// TestWakeups: each process's wake-ups of a thread are counted for themselves, and what wakes it to stop or to park it
// is told as that.
func TestWakeups(t *testing.T) {
	counted := func(by, thread event.Task, n int64) event.Event {
		return event.Event{By: event.Task{PID: by.TGID, TGID: by.TGID}, Target: event.Task{PID: thread.PID,
			TGID: thread.TGID, Addr: thread.Addr}, Ret: n}
	}
	type wakeup struct {
		PID     uint32
		At      uint64
		Omitted int
	}
	tests := map[string]struct {
		l    *list
		want []wakeup
	}{
		"one":           {new(list).wakes(10, app, k1, 1), []wakeup{{50, 10, 0}}},
		"two processes": {new(list).wakes(10, app, k1, 1).wakes(20, child, k1, 1), []wakeup{{50, 10, 0}, {51, 20, 0}}},
		"gap": {new(list).wakes(10, app, k1, 16).wakes(20, app, k1, 32).at(99, event.WakesCounted, counted(app, k1, 40)),
			[]wakeup{{50, 10, 15}, {50, 20, 8}}},
		"counted twice": {new(list).wakes(10, app, k1, 1).at(98, event.WakesCounted, counted(app, k1, 3)).
			at(99, event.WakesCounted, counted(app, k1, 3)), []wakeup{{50, 10, 2}}},
		"less than before": {new(list).wakes(10, app, k1, 5).wakes(20, app, k1, 2), []wakeup{{50, 10, 0}, {50, 20, 0}}},
		"of nobody":        {new(list).at(99, event.WakesCounted, counted(app, k1, 3)), nil},
		"a lie": {new(list).wakes(10, app, k1, 1).at(99, event.WakesCounted, counted(app, k1, 1<<62)),
			[]wakeup{{50, 10, maxOmitted}}},
		"freed before": {new(list).wakes(10, app, k1, 1).at(50, event.TaskFreed, event.Event{By: kthreadd, Target: k1}).
			at(99, event.WakesCounted, counted(app, k1, 3)), []wakeup{{50, 10, 2}}},
		"stop": {new(list).at(5, event.ThreadStopAsked, event.Event{By: app, Target: k1}).wakes(10, app, k1, 1).
			at(20, event.ThreadStopReturned, event.Event{By: app}).wakes(30, app, k1, 2), []wakeup{{50, 30, 0}}},
		"park": {new(list).at(5, event.ThreadParkAsked, event.Event{By: app, Target: k1}).wakes(10, app, k1, 1),
			nil},
		"another's stop": {new(list).at(5, event.ThreadStopAsked, event.Event{By: child, Target: k1}).
			wakes(10, app, k1, 1), []wakeup{{50, 10, 0}}},
	}
	for name, tt := range tests {
		var got []wakeup
		for _, thread := range build(*tt.l).Threads {
			for _, w := range thread.Wakeups {
				got = append(got, wakeup{w.By.PID, w.At, w.Omitted})
				if w.By.Site.Symbol != "startup" {
					t.Errorf("%s: in %v", name, w.By.Site)
				}
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
