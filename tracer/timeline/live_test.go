// SPDX-License-Identifier: MIT

package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// said is every line that Live prints for the events.
func said(l list) []string {
	live := NewLive(resolve)
	var lines []string
	for i := range l {
		if line, ok := live.Add(&l[i]); ok {
			lines = append(lines, line.String())
		}
	}
	return lines
}

func TestLive(t *testing.T) {
	var l list
	l.born(100_000, loader, k1, stackA, createA)
	l.request(200_000, 0x100, 0x100)
	l.send(300_000, k2, k1, 10, event.HandlerKthread, 0, 0).
		at(700_000, event.SignalDequeued, event.Event{By: k1, Arg: 10, Stack: []uint64{0x2000}})
	l.send(800_000, k2, k1, 15, event.HandlerIgnore, 0, event.GenerateIgnored)
	l.stopped(900_000, loader, k1, -5)
	want := []string{
		`modprobe[85] asks for kthread "K%d": to run fn [m], in startup+0x0 [m]`,
		`kthreadd[2] picks up the request: to run fn [m], after 1 ns`,
		`kthreadd[89] runs for the first time: to run fn [m], after 2 ns`,
		`modprobe[85] gets kthread K1[89]: after 4 ns`,
		`modprobe[85] wakes K1[89] for the first time: after 1 ns`,
		`K1[89] calls its function fn [m]`,
		`K1[89] request_module("%s"): in fn+0x0 [m]`,
		`K1[89] asks for module "send_signal"`,
		`K1[89] request for "send_signal" goes to modprobe: after 1 ns`,
		`K1[89] queues the helper /sbin/modprobe -q -- send_signal`,
		`kworker/u4:1[93] is the helper's task: after 1 ns`,
		`modprobe[93] executes /sbin/modprobe`,
		`modprobe[95] loads module send_signal`,
		`modprobe[93] ends: ended with 1`,
		`kworker/u4:1[30] has waited for helper 93: ended with 1`,
		`K1[89] request_module("send_signal") returned 256: modprobe ended with 1, after 11 ns`,
		`K2[94] sends SIGUSR1 to K1[89]: in fn+0x0 [m]`,
		`K1[89] takes SIGUSR1: after 0.4 ms, in fn+0x0 [m]`,
		`K2[94] sends SIGTERM to K1[89]: in fn+0x0 [m]`,
		`K2[94] SIGTERM to K1[89] is ignored`,
		`modprobe[85] kthread_stop(K1[89]): in startup+0x0 [m]`,
		`K1[89] sees the stop request: after 1 ns`,
		`K1[89] ends: returned -5 (-EIO)`,
		`modprobe[85] kthread_stop returned -5 (-EIO): after 3 ns`,
		`modprobe[85] frees K1[89]`,
	}
	if diff := cmp.Diff(want, said(l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLiveKilled: each thread of a process that ends gets a SIGKILL. The line mentions a signal only if one was sent.
func TestLiveKilled(t *testing.T) {
	app := proc("app", 50)
	died := func(l *list) []string {
		l.at(1_000_000, event.SignalDelivered, event.Event{By: app, Arg: 9})
		lines := said(*l)
		return lines[max(0, len(lines)-1):]
	}
	for name, tt := range map[string]struct {
		l    *list
		want []string
	}{
		"by itself": {new(list), nil},
		"SIGKILL": {new(list).send(600_000, k2, app, 9, 0, event.SentGroup, 0),
			[]string{app.String() + " gets SIGKILL: after 0.4 ms"}},
		"SIGTERM": {new(list).send(600_000, k2, app, 15, 0, event.SentGroup, 0),
			[]string{app.String() + " ends with its process"}},
	} {
		if diff := cmp.Diff(tt.want, died(tt.l)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLiveKinds: whatever the kind, its line has words, and no more is kept than the bound.
func TestLiveKinds(t *testing.T) {
	silent := map[event.Kind]bool{event.ThreadForked: true, event.HelperReturned: true, event.SignalGenerated: true,
		event.FileMet: true, event.CallCounted: true, event.WakesCounted: true,
		event.Tainted: true} // each load of a module is one or two
	live := NewLive(nil)
	for kind := range event.Kinds() {
		line, ok := live.Add(&event.Event{Kind: kind, Time: 5, By: k1, Target: k2, Arg: 10, Func: 0x2000, Ret: 0, Data: 1,
			Stack: []uint64{0x10}})
		if kind == event.ThreadForked {
			_, ok = live.Add(&event.Event{Kind: kind, Ret: 7})
		}
		if ok == silent[kind] || ok && (line.What == "" || line.Who != "K1[89]") {
			t.Errorf("%s: %+v %v", kind, line, ok)
		}
	}
	for i := range uint64(3 * maxLive) {
		live.Add(&event.Event{Kind: event.ThreadRequested, Time: i, By: event.Task{Addr: i + 1}, Ptr: i << 14})
		live.Add(&event.Event{Kind: event.RequestNamed, Time: i, By: event.Task{Addr: i + 1}})
	}
	if len(live.open) > maxLive || len(live.seen) > maxLive {
		t.Errorf("%d and %d are open, want at most %d", len(live.open), len(live.seen), maxLive)
	}
}
