// SPDX-License-Identifier: MIT

package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// send is one signal with the kernel's answer.
func (l *list) send(time uint64, by, to event.Task, signo uint32, handler, bits uint64, result int64) *list {
	return l.
		at(time, event.SignalSent, event.Event{By: by, Target: to, Arg: signo, Func: handler, Data: bits,
			Stack: []uint64{0x2000}}).
		at(time+1, event.SignalGenerated, event.Event{By: by, Target: to, Arg: signo, Ret: result})
}

type outcome struct {
	Signo   int
	Outcome Outcome
	Reason  string
	Sent    uint64
	Taken   uint64
}

func outcomes(tl *Timeline) []outcome {
	var list []outcome
	for _, s := range tl.Signals {
		list = append(list, outcome{s.Signo, s.Outcome, s.Reason, s.Sent, s.Taken})
	}
	return list
}

func TestSignalOutcomes(t *testing.T) {
	const kt = event.HandlerKthread
	app, initTask := proc("app", 50), proc("init", 1)
	tests := []struct {
		name   string
		events *list
		want   []outcome
	}{
		{"consumed", new(list).send(10, k2, k1, 10, kt, 0, 0).at(20, event.SignalDequeued, event.Event{By: k1, Arg: 10}),
			[]outcome{{10, Consumed, "dequeued", 10, 20}}},
		{"flushed", new(list).send(10, k2, k1, 10, kt, 0, 0).send(12, k2, k1, 15, kt, event.SentGroup, 0).
			at(20, event.SignalFlushed, event.Event{By: k1, Target: k1, Data: 1<<9 | 1<<14}),
			[]outcome{{10, Consumed, "discarded by flush_signals", 10, 20},
				{15, Consumed, "discarded by flush_signals", 12, 20}}},
		{"flush of another one", new(list).send(10, k2, k1, 10, kt, 0, 0).at(20, event.SignalFlushed,
			event.Event{By: k1, Data: 1 << 14}),
			[]outcome{{10, Pending, "K1 has not taken it", 10, 0}}},
		{"pending", new(list).send(10, k2, k1, 10, kt, 0, 0), []outcome{{10, Pending, "K1 has not taken it", 10, 0}}},
		{"blocked", new(list).send(10, k2, k1, 10, kt, event.SentBlocked, 0),
			[]outcome{{10, Blocked, "K1 blocks SIGUSR1 and has not taken it", 10, 0}}},
		{"blocked, then taken", new(list).send(10, k2, k1, 10, kt, event.SentBlocked, 0).at(20, event.SignalDequeued,
			event.Event{By: k1, Arg: 10}),
			[]outcome{{10, Consumed, "dequeued", 10, 20}}},
		{"coalesced", new(list).send(10, k2, k1, 10, kt, 0, 0).send(12, k2, k1, 10, kt, event.SentPending, 2).at(20,
			event.SignalDequeued, event.Event{By: k1, Arg: 10}),
			[]outcome{{10, Consumed, "dequeued", 10, 20},
				{10, Coalesced, "SIGUSR1 was already pending; the two become one", 12, 0}}},
		{"overflow", new(list).send(10, k2, app, 40, 0x400000, 0, 3),
			[]outcome{{40, Lost, "the queue is full (RLIMIT_SIGPENDING); the sender got -EAGAIN", 10, 0}}},
		{"info lost", new(list).send(10, k2, app, 40, 0x400000, 0, 4),
			[]outcome{{40, Pending, "queued without its siginfo", 10, 0}}},
		{"real-time order", new(list).send(10, k2, k1, 40, kt, 0, 0).send(12, k2, k1, 40, kt, event.SentPending, 0).at(20,
			event.SignalDequeued, event.Event{By: k1, Arg: 40}),
			[]outcome{{40, Consumed, "dequeued", 10, 20}, {40, Pending, "K1 has not taken it", 12, 0}}},
		{"never allowed", new(list).send(10, k2, k1, 10, event.HandlerIgnore, 0, 1),
			[]outcome{{10, Ignored, "K1 never allowed SIGUSR1 (allow_signal)", 10, 0}}},
		{"allowed too late", new(list).send(10, k2, k1, 10, event.HandlerIgnore, 0, 1).at(3_200_010, event.SignalAllowed,
			event.Event{By: k1, Arg: 10, Func: kt}),
			[]outcome{{10, Ignored, "K1 had not allowed SIGUSR1 yet: allow_signal came 3.2 ms later", 10, 0}}},
		{"disallowed", new(list).at(1, event.SignalAllowed, event.Event{By: k1, Arg: 10, Func: kt}).at(2,
			event.SignalAllowed, event.Event{By: k1, Arg: 10, Func: event.HandlerIgnore}).
			send(10, k2, k1, 10, event.HandlerIgnore, 0, 1),
			[]outcome{{10, Ignored, "K1 no longer allows SIGUSR1 (disallow_signal)", 10, 0}}},
		{"kill a kthread", new(list).send(10, app, k1, 9, event.HandlerIgnore, event.SentGroup, 1),
			[]outcome{{9, Ignored, "K1 never allowed SIGKILL (allow_signal): a kernel thread may ignore even SIGKILL", 10, 0}}},
		{"kernel only", new(list).send(10, app, k1, 10, event.HandlerKernel, 0, 1),
			[]outcome{{10, Ignored, "only the kernel may send SIGUSR1 to K1 (allow_kernel_signal)", 10, 0}}},
		{"exiting", new(list).send(10, app, k1, 10, event.HandlerIgnore, event.SentExiting, 1),
			[]outcome{{10, Ignored, "K1 is exiting", 10, 0}}},
		{"init", new(list).send(10, app, initTask, 15, event.HandlerDefault, event.SentGroup|event.SentUnkillable, 1),
			[]outcome{{15, Ignored, "init is a protected init: it gets no signal that it has no handler for", 10, 0}}},
		{"sig_ign", new(list).send(10, app, app, 1, event.HandlerIgnore, event.SentGroup, 1),
			[]outcome{{1, Ignored, "app ignores SIGHUP (SIG_IGN)", 10, 0}}},
		{"default is ignore", new(list).send(10, app, app, 28, event.HandlerDefault, event.SentGroup, 1),
			[]outcome{{28, Ignored, "the default action of SIGWINCH is to ignore it", 10, 0}}},
		{"dying", new(list).send(10, app, app, 10, 0x400000, event.SentGroup, 1),
			[]outcome{{10, Ignored, "app is dying", 10, 0}}},
		{"no result", new(list).at(10, event.SignalSent, event.Event{By: k2, Target: k1, Arg: 10}),
			[]outcome{{10, Unknown, "no result record", 10, 0}}},
		{"no result, yet taken", new(list).at(10, event.SignalSent, event.Event{By: k2, Target: k1, Arg: 10}).at(20,
			event.SignalDequeued, event.Event{By: k1, Arg: 10}),
			[]outcome{{10, Consumed, "dequeued", 10, 20}}},
		{"no sender", new(list).at(10, event.SignalGenerated, event.Event{By: k2, Target: k1, Arg: 14, Ret: 1}),
			[]outcome{{14, Ignored, "K1 ignores SIGALRM", 10, 0}}},
		{"target ended", new(list).send(10, k2, k1, 10, kt, 0, 0).at(20, event.TaskExited, event.Event{By: k1, Data: 1}),
			[]outcome{{10, Pending, "K1 ended without taking it", 10, 0}}},
		{"handler", new(list).send(10, k2, app, 10, 0x400000, event.SentGroup, 0).at(20, event.SignalDequeued,
			event.Event{By: app, Arg: 10}).
			at(21, event.SignalDelivered, event.Event{By: app, Arg: 10, Func: 0x400000}),
			[]outcome{{10, Delivered, "handler called", 10, 20}}},
		{"sigwait", new(list).send(10, k2, app, 10, 0, event.SentBlocked, 0).at(20, event.SignalDequeued,
			event.Event{By: app, Arg: 10}), []outcome{{10, Delivered, "taken from the queue", 10, 20}}},
		{"sigkill", new(list).send(10, k2, app, 9, 0, event.SentGroup, 0).at(20, event.SignalDelivered,
			event.Event{By: app, Arg: 9}), []outcome{{9, Delivered, "default action", 10, 20}}},
		{"fatal sigterm", new(list).send(10, k2, app, 15, 0, event.SentGroup, 0).at(20, event.SignalDelivered,
			event.Event{By: app, Arg: 9}).
			at(30, event.TaskExited, event.Event{By: app, Ret: 15, Data: 1}),
			[]outcome{{15, Delivered, "ended the process", 10, 30}}},
		{"fatal sigterm, exit alone seen", new(list).send(10, k2, app, 15, 0, event.SentGroup, 0).
			at(30, event.TaskExited, event.Event{By: app, Ret: 15, Data: 1}),
			[]outcome{{15, Delivered, "ended the process", 10, 30}}},
		{"fatal sigterm, exit not seen",
			new(list).send(8, k2, app, 1, 0, event.SentGroup|event.SentBlocked, 0).send(10, k2, app, 15, 0, event.SentGroup, 0).
				send(12, k2, app, 13, 0, event.SentGroup, 0).at(20, event.SignalDelivered, event.Event{By: app, Arg: 9}),
			[]outcome{{1, Blocked, "app blocks SIGHUP and has not taken it", 8, 0},
				{15, Delivered, "ended the process", 10, 20}, {13, Pending, "app has not taken it", 12, 0}}},
		{"killed by another process's",
			new(list).send(10, k2, app, 15, 0, event.SentGroup, 0).at(20, event.SignalDelivered,
				event.Event{By: proc("b", 51), Arg: 9}),
			[]outcome{{15, Pending, "app has not taken it", 10, 0}}},
		{"group signal, other thread", new(list).send(10, k2, app, 10, 0x400000, event.SentGroup, 0).
			at(20, event.SignalDequeued, event.Event{By: event.Task{PID: 52, TGID: 50, Comm: "app"}, Arg: 10}),
			[]outcome{{10, Delivered, "taken from the queue", 10, 20}}},
		{"own signal, other thread", new(list).send(10, k2, app, 10, 0x400000, 0, 0).
			at(20, event.SignalDequeued, event.Event{By: event.Task{PID: 52, TGID: 50, Comm: "app"}, Arg: 10}),
			[]outcome{{10, Pending, "app has not taken it", 10, 0}}},
		{"waited in request_module", new(list).at(5, event.RequestAsked, event.Event{By: k1, Arg: 1}).send(10, k2, k1, 10,
			kt, 0, 0).
			at(15, event.RequestReturned, event.Event{By: k1}).at(20, event.SignalDequeued, event.Event{By: k1, Arg: 10}),
			[]outcome{{10, Consumed,
				"dequeued after request_module returned: a signal that does not kill does not end that wait", 10, 20}}},
		{"not a signal", new(list).at(10, event.ThreadStopAsked, event.Event{By: loader, Target: k1}).at(12,
			event.SignalFlushed, event.Event{By: k1, Target: k1}),
			[]outcome{{0, NotASignal, "kthread_stop makes signal_pending() true; there was no signal", 10, 12}}},
		{"flush of nothing", new(list).at(12, event.SignalFlushed, event.Event{By: k1, Target: k1}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, outcomes(build(*tt.events))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSignalsOnTwoCPUs: results belong to the send of their own CPU.
func TestSignalsOnTwoCPUs(t *testing.T) {
	app := proc("app", 50)
	var l list
	l.at(10, event.SignalSent, event.Event{CPU: 0, By: k2, Target: k1, Arg: 10, Func: event.HandlerKthread}).
		at(11, event.SignalSent, event.Event{CPU: 1, By: app, Target: proc("b", 51), Arg: 10, Func: event.HandlerIgnore}).
		at(12, event.SignalGenerated, event.Event{CPU: 1, By: app, Target: proc("b", 51), Arg: 10, Ret: 1}).
		at(13, event.SignalGenerated, event.Event{CPU: 0, By: k2, Target: k1, Arg: 10})
	want := []outcome{{10, Pending, "K1 has not taken it", 10, 0}, {10, Ignored, "b ignores SIGUSR1 (SIG_IGN)", 11, 0}}
	if diff := cmp.Diff(want, outcomes(build(l))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSignalSite(t *testing.T) {
	var l list
	l.send(10, k2, k1, 10, event.HandlerKthread, 0, 0).at(20, event.SignalDequeued,
		event.Event{By: k1, Arg: 10, Stack: []uint64{0x10, 0x30, 0x1000}})
	s := build(l).Signals[0]
	if s.From.Site.Function() != "fn [m]" || s.Site.Function() != "startup [m]" || s.TakenBy != k1 {
		t.Errorf("from %s, taken in %s by %s", s.From.Site, s.Site, s.TakenBy)
	}
}
