// SPDX-License-Identifier: MIT

package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// followed adds the events up to a moment, as trace.at counts it.
func followed(events []event.Event, until uint64) *Follow {
	f, words := new(Follow), timeline.NewLive(demoResolve)
	for i := range events {
		if e := &events[i]; e.Time <= 12_345_000_000+until*1000 {
			line, _ := words.Add(e)
			f.Add(e, line)
		}
	}
	return f
}

// demoOnly drops the noise at the beginning.
func demoOnly() []event.Event {
	all := demoEvents()
	for i := range all {
		if all[i].Kind == event.ModuleLoaded {
			return all[i:]
		}
	}
	return nil
}

// TestFollow is the demo at several moments.
func TestFollow(t *testing.T) {
	for _, test := range []struct {
		name          string
		until         uint64
		width, height int
		want          string
	}{
		{"asked for", 200600, 80, 20, `
    0.3 s  2 tasks, 3 events
   0.5 ms  modprobe[85]  waits for kthread 0.3 s   asks for kthread "%s" · call…
   0.5 ms  %s[?]         asked 0.3 s`},
		{"born", 200850, 80, 20, `
    0.3 s  3 tasks, 6 events
   0.5 ms  modprobe[85]  waits for kthread 0.3 s   asks for kthread "%s" · call…
   0.8 ms  %s[?]         first run 0.3 s           runs for the first time
   0.6 ms  kthreadd[2]   running 0.3 s             picks up the request`},
		{"asks for a module", 205180, 120, 20, `
    0.3 s  3 tasks, 15 events
   1.0 ms  modprobe[85]  running 0.3 s             init returned 0 · wakes K1[89] for the first time · gets kthread K1[…
   5.2 ms  K1[89]        in request_module 0.3 s   queues the helper /sbin/modprobe -q -- send_signal · request for "se…
   0.6 ms  kthreadd[2]   running 0.3 s             picks up the request`},
		{"a signal is sent", 510300, 120, 20, `
    0.6 s  7 tasks, 36 events
   1.0 ms  modprobe[85]      running 0.6 s             init returned 0 · wakes K1[89] for the first time · gets kthread…
 310.2 ms  K1[89]            running 0.6 s             SIGUSR1 from K2[94]: pending · request_module("send_signal") ret…
  10.2 ms  kthreadd[2]       running 0.6 s             picks up the request · picks up the request
  14.1 ms  modprobe[93]      ended                     SIGCHLD to kworker/u4:1[30] is ignored · sends SIGCHLD to kworke…
  14.0 ms  modprobe[95]      ended                     init returned 0 · wakes K2[94] for the first time · gets kthread…
 310.2 ms  K2[94]            running 0.6 s             sends SIGUSR1 to K1[89] · calls its function send_signal_to_task…
  14.4 ms  kworker/u4:1[30]  running 0.6 s             has waited for helper 93 · SIGCHLD from modprobe[93]: ignored`},
		{"few lines", 510300, 80, 5, `
    0.6 s  7 tasks, 36 events
 310.2 ms  K1[89]            running 0.6 s             SIGUSR1 from K2[94]: pen…
 310.2 ms  K2[94]            running 0.6 s             sends SIGUSR1 to K1[89] …
  14.4 ms  kworker/u4:1[30]  running 0.6 s             has waited for helper 93…
           and 4 tasks with less recent activity`},
		{"one line", 510300, 80, 1, `
    0.6 s  7 tasks, 36 events`},
		{"stopping", 1460300, 100, 20, `
    1.6 s  8 tasks, 42 events
   1.0 ms  modprobe[85]      running 1.6 s             init returned 0 · wakes K1[89] for the first…
 610.5 ms  K1[89]            running 1.5 s             SIGUSR1 from K2[94]: taken after 0.4 ms · SI…
  10.2 ms  kthreadd[2]       running 1.6 s             picks up the request · picks up the request
  14.1 ms  modprobe[93]      ended                     SIGCHLD to kworker/u4:1[30] is ignored · sen…
  14.0 ms  modprobe[95]      ended                     init returned 0 · wakes K2[94] for the first…
  1.260 s  K2[94]            stopping 0.3 s            sees the stop request · sends SIGUSR1 to K1[…
  14.4 ms  kworker/u4:1[30]  running 1.5 s             has waited for helper 93 · SIGCHLD from modp…
  1.260 s  modprobe[101]     in kthread_stop 0.3 s     kthread_stop(K2[94])`},
		{"the end", 2000000, 80, 20, `
    1.6 s  8 tasks, 52 events
   1.0 ms  modprobe[85]      running 1.6 s             init returned 0 · wakes …
  1.273 s  K1[89]            ended                     ends · sees the stop req…
  10.2 ms  kthreadd[2]       running 1.6 s             picks up the request · p…
  14.1 ms  modprobe[93]      ended                     SIGCHLD to kworker/u4:1[…
  14.0 ms  modprobe[95]      ended                     init returned 0 · wakes …
  1.263 s  K2[94]            ended                     ends · sees the stop req…
  14.4 ms  kworker/u4:1[30]  running 1.6 s             has waited for helper 93…
  1.276 s  modprobe[101]     running 0.3 s             frees module signal_hand…`},
		{"narrow", 2000000, 40, 4, `
    1.6 s  8 tasks, 52 events
  14.4 ms  kworker/u…  running 1.6 s
  1.276 s  modprobe[…  running 0.3 s
           and 6 tasks with less recent…`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := followed(demoOnly(), test.until).Lines(TextOptions{Width: test.width}, test.height, 300*time.Millisecond)
			if diff := cmp.Diff(strings.Split(strings.Trim(test.want, "\n"), "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFollowOthers checks moments that the demo does not have.
func TestFollowOthers(t *testing.T) {
	const stack, create = 0xffffc90000a04000, 0xffff888003000000
	for _, test := range []struct {
		name   string
		events func(*trace)
		want   string
	}{
		{"parked", func(l *trace) {
			l.thread(0, loader, k1, stack, create, incFunc)
			l.at(10_000, event.ThreadParkAsked, event.Event{By: loader, Target: k1})
			l.at(10_100, event.ThreadParked, event.Event{By: k1})
			l.at(10_200, event.ThreadParkReturned, event.Event{By: loader, Target: k1})
		}, "parked"},
		{"goes on", func(l *trace) {
			l.at(10_100, event.ThreadParked, event.Event{By: k1})
			l.at(10_200, event.ThreadUnparked, event.Event{By: loader, Target: k1})
		}, "running"},
		{"picked up without a request", func(l *trace) {
			l.at(0, event.ThreadPickedUp, event.Event{By: kthreadd, Ptr: create})
		}, "kthread[?]"},
		{"cannot be forked", func(l *trace) {
			l.at(0, event.ThreadPickedUp, event.Event{By: kthreadd, Ptr: create})
			l.at(10, event.ThreadForked, event.Event{By: kthreadd, Ptr: create, Ret: -11})
		}, "ended                     kthreadd could not fork it"},
		{"in init", func(l *trace) {
			l.at(0, event.ModuleInitBegin, event.Event{By: loader, Text: "slow"})
		}, "in init of slow"},
		{"a signal is ignored", func(l *trace) {
			l.at(0, event.SignalSent, event.Event{By: k2, Target: k1, Arg: 15})
			l.at(0, event.SignalGenerated, event.Event{By: k2, Target: k1, Arg: 15, Ret: event.GenerateIgnored})
		}, "SIGTERM from K2[94]: ignored"},
		{"a signal waits", func(l *trace) {
			l.at(0, event.SignalSent, event.Event{By: k2, Target: k1, Arg: 15})
			l.at(0, event.SignalGenerated, event.Event{By: k2, Target: k1, Arg: 15})
		}, "SIGTERM from K2[94]: pending"},
		{"signals are flushed", func(l *trace) {
			l.at(0, event.SignalSent, event.Event{By: k2, Target: k1, Arg: 64})
			l.at(2000, event.SignalFlushed, event.Event{By: k1, Target: k1, Data: 1 << 63})
		}, "from K2[94]: flushed after 2.0 ms"},
		{"a thread of a program that ends", func(l *trace) {
			l.at(0, event.ModuleLoaded, event.Event{By: loader, Text: "m"})
			l.at(10, event.SignalDelivered, event.Event{By: loader, Arg: 9})
		}, "modprobe[85]  ended "},
		{"a pid is used again", func(l *trace) {
			l.thread(0, loader, k1, stack, create, incFunc)
			l.at(10_000, event.TaskFreed, event.Event{By: loader, Target: k1})
			l.thread(20_000, loader, kthr("again", k1.PID), stack, create, incFunc)
		}, "again[89]     running"},
		{"a name of control characters", func(l *trace) {
			l.at(0, event.ThreadStopSeen, event.Event{By: kthr("\x1b[2J\u202ex\n", 7)})
		}, `\x1b[2J\u202ex\x0a[7]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var l trace
			test.events(&l)
			got := strings.Join(followed(l.events, 1<<40).Lines(TextOptions{}, 20, 0), "\n")
			if !strings.Contains(got, test.want) {
				t.Errorf("no %q in\n%s", test.want, got)
			}
		})
	}
}

// TestFollowBound: however many tasks come, few are kept, and those are alive.
func TestFollowBound(t *testing.T) {
	f := new(Follow)
	for i := range uint32(20 * maxFollowed) {
		task := event.Task{PID: i + 10, TGID: i + 10, Comm: "t", Kthread: true, Addr: 0xffff888000000000 + uint64(i)*64}
		f.Add(&event.Event{Time: uint64(i + 1), Kind: event.ThreadRequested, By: task, Ptr: uint64(i) << 14, Text: "x"},
			timeline.Line{What: "asks"})
		f.Add(&event.Event{Time: uint64(i + 1), Kind: event.ThreadPickedUp, By: k1, Aux: uint64(i) << 14, Ptr: uint64(i)},
			timeline.Line{What: "takes"})
		f.Add(&event.Event{Time: uint64(i + 1), Kind: event.TaskExited, By: task}, timeline.Line{What: "ends"})
	}
	if n := len(f.tasks) + len(f.asked) + len(f.making); len(f.lanes) > maxFollowed || n > 4*maxFollowed {
		t.Errorf("%d lanes and %d ids are kept", len(f.lanes), n)
	}
	if text := strings.Join(f.Lines(TextOptions{}, 5, 0), "\n"); !strings.Contains(text, "K1[89]") ||
		!strings.Contains(text, "with less recent activity") {
		t.Errorf("it shows\n%s", text)
	}
}

// FuzzFollow: whatever comes, in whatever order, fits the terminal and does it no harm.
func FuzzFollow(f *testing.F) {
	seed := make([]byte, 0, 48*6)
	for kind := range byte(48) {
		seed = append(seed, kind, kind*3, kind%5, kind%7, kind, kind%3)
	}
	f.Add(seed, 80, 24)
	f.Add(seed, 3, 2)
	f.Fuzz(func(t *testing.T, data []byte, width, height int) {
		width, height = 1+(width&0xff), height&0x3f
		follow, words := new(Follow), timeline.NewLive(nil)
		task := func(n byte) event.Task {
			return event.Task{PID: uint32(n % 8), TGID: uint32(n % 4), Comm: foreign.Hostile[int(n)%len(foreign.Hostile)],
				Kthread: n%2 == 0, Addr: uint64(n % 3)}
		}
		for ; len(data) >= 6; data = data[6:] {
			e := &event.Event{Kind: event.Kind(data[0]), Time: uint64(data[1]) << 20, By: task(data[2]), Target: task(data[3]),
				Arg: uint32(data[4]),
				Ptr: uint64(data[5]) << 14, Aux: uint64(data[4]) << 14, Ret: int64(int8(data[5])),
				Data: uint64(data[1]) << (data[5] % 64),
				Text: foreign.Hostile[int(data[4])%len(foreign.Hostile)]}
			line, _ := words.Add(e)
			follow.Add(e, line)
		}
		for _, color := range []bool{false, true} {
			checkFits(t, follow.Lines(TextOptions{Width: width, Color: color}, height, time.Second), width, height)
		}
	})
}

func checkFits(t *testing.T, lines []string, width, height int) {
	t.Helper()
	if len(lines) > height {
		t.Fatalf("%d lines, there is room for %d", len(lines), height)
	}
	for _, line := range lines {
		for _, c := range []color{bold, dim} {
			line = strings.TrimPrefix(line, "\x1b["+string(c)+"m")
		}
		line = strings.TrimSuffix(line, "\x1b[0m")
		if clean(line) != line || cells(line) > width {
			t.Fatalf("%q in %d columns, there is room for %d", line, cells(line), width)
		}
	}
}

// TestFollowPrograms: a test has a lane from its fork to its end, which says in which call it is.
func TestFollowPrograms(t *testing.T) {
	f, words := new(Follow), timeline.NewLive(demoResolve)
	app, child := at1(event.Task{PID: 400, TGID: 400, Comm: "use"}), at1(event.Task{PID: 401, TGID: 401, Comm: "use"})
	add := func(us uint64, kind event.Kind, e event.Event) {
		e.Time, e.Kind = us*1000, kind
		line, _ := words.Add(&e)
		f.Add(&e, line)
	}
	want := func(want string) {
		t.Helper()
		got := strings.Join(f.Lines(TextOptions{Width: 100}, 20, 0), "\n")
		if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
			t.Error(diff)
		}
	}
	add(1000, event.ProcessForked, event.Event{By: at1(event.Task{PID: 1, TGID: 1, Comm: "init"}), Target: app})
	add(1010, event.FileMet, event.Event{By: app, Ptr: 0x100, Aux: 0x200, Arg: event.FileOperations, Text: "devtmpfs",
		Args: []string{"hw", "dev"}})
	add(1020, event.ProcessForked, event.Event{By: app, Target: child})
	add(2000, event.CallEntered, event.Event{By: app, Ptr: 0x100, Aux: 0x200, Numbers: make([]uint64, 6)})
	add(302_000, event.CallReturned, event.Event{By: app, Ret: 6})
	add(303_000, event.CallEntered, event.Event{By: app, Ptr: 0x100, Aux: 0x200, Arg: 16, Numbers: make([]uint64, 6)})
	add(304_000, event.TaskExited, event.Event{By: child, Data: 1, Ret: 15})
	want(`
    0.3 s  3 tasks, 7 events
   0.0 ms  init[1]   running 0.3 s             forks process 400
 302.0 ms  use[400]  in ioctl                  calls ioctl on /dev/hw · read returned 6 · calls rea…
 303.0 ms  use[401]  killed by SIGTERM         ends`)
}
