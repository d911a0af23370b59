// SPDX-License-Identifier: MIT

package timeline

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// list builds events at given times.
type list []event.Event

func (l *list) at(time uint64, kind event.Kind, e event.Event) *list {
	e.Time, e.Kind = time, kind
	*l = append(*l, e)
	return l
}

func kthr(comm string, pid uint32) event.Task {
	return event.Task{PID: pid, TGID: pid, Comm: comm, Kthread: true}
}
func proc(comm string, pid uint32) event.Task { return event.Task{PID: pid, TGID: pid, Comm: comm} }

var (
	kthreadd = kthr("kthreadd", 2)
	loader   = proc("modprobe", 85)
	k1, k2   = kthr("K1", 89), kthr("K2", 94)
)

const (
	stackA, stackB = 0xffffc90000a04000, 0xffffc90000a08000
	createA        = 0xffff888003000000
)

// Addresses below 0x1000 resolve to the kernel, others to module m.
var symbols = map[uint64]event.Site{
	0x10:   {Symbol: "bpf_trampoline_1", Module: "bpf", Addr: 0x10},
	0x11:   {Symbol: "bpf_prog_f00_on_thread", Addr: 0x11},
	0x20:   {Symbol: "kthread_create_on_node", Addr: 0x20},
	0x21:   {Symbol: "kill_pid_info.part.0", Addr: 0x21},
	0x30:   {Symbol: "process_one_work", Addr: 0x30},
	0x31:   {Symbol: "do_exit", Addr: 0x31},
	0x1000: {Symbol: "startup", Module: "m", Addr: 0x1000},
	0x2000: {Symbol: "fn", Module: "m", Addr: 0x2000},
	0x3000: {Symbol: "other", Module: "stranger", Addr: 0x3000},
}

// resolve knows return addresses exactly, and functions by the byte after their first, like a return address into them.
func resolve(addr, _ uint64) event.Site {
	if s, ok := symbols[addr]; ok {
		return s
	}
	if s, ok := symbols[addr-1]; ok {
		s.Offset++
		return s
	}
	return event.Site{Addr: addr}
}

func build(l list) *Timeline { return Build(l, resolve, Options{Modules: []string{"m"}}) }

func (l *list) born(time uint64, by, thread event.Task, stack, create uint64) *list {
	return l.
		at(time, event.ThreadRequested,
			event.Event{By: by, Ptr: stack, Func: 0x2000, Text: "K%d", Stack: []uint64{0x10, 0x20, 0x1000}}).
		at(time+1, event.ThreadPickedUp, event.Event{By: kthreadd, Ptr: create, Func: 0x2000, Aux: stack + 0x3e00}).
		at(time+2, event.ThreadForked, event.Event{By: kthreadd, Ptr: create, Ret: int64(thread.PID)}).
		at(time+3, event.ThreadFirstRun, event.Event{By: kthr("kthreadd", thread.PID), Ptr: create, Func: 0x2000}).
		at(time+4, event.ThreadCreated, event.Event{By: by, Target: thread}).
		at(time+5, event.ThreadWoken, event.Event{By: by, Target: thread}).
		at(time+6, event.ThreadFunction, event.Event{By: thread, Func: 0x2000})
}

func (l *list) stopped(time uint64, by, thread event.Task, ret int64) *list {
	return l.
		at(time, event.ThreadStopAsked, event.Event{By: by, Target: thread, Stack: []uint64{0x1000}}).
		at(time+1, event.ThreadStopSeen, event.Event{By: thread}).
		at(time+2, event.TaskExited, event.Event{By: thread, Ret: ret, Data: 1}).
		at(time+3, event.ThreadStopReturned, event.Event{By: by, Ret: ret}).
		at(time+4, event.TaskFreed, event.Event{By: by, Target: thread})
}

func TestThreadLife(t *testing.T) {
	var l list
	l.born(100, loader, k1, stackA, createA).stopped(200, loader, k1, -5)
	tl := build(l)
	if len(tl.Threads) != 1 {
		t.Fatalf("%d threads, want 1", len(tl.Threads))
	}
	got := tl.Threads[0]
	want := Thread{
		Task: k1, Func: symbols[0x2000], Format: "K%d", Ending: EndStopped, Ended: "returned -5 (-EIO)",
		Requester: Actor{loader, symbols[0x1000], []event.Site{symbols[0x20], symbols[0x1000]}},
		Requested: 100, PickedUp: 101, Forked: 102, FirstRun: 103, Created: 104, Woken: 105, Function: 106,
		StopSeen: 201, Exited: 202, Freed: 204, WokenBy: loader, Result: -5,
		Stops: []Stop{{By: Actor{loader, symbols[0x1000], []event.Site{symbols[0x1000]}}, Asked: 200, Returned: 203,
			Result: -5}},
	}
	got.fn, got.data = 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Alive() {
		t.Error("it is alive")
	}
	if tl.Start != 100 {
		t.Errorf("start %d, want 100", tl.Start)
	}
}

// TestThreadsInterleaved has two concurrent requesters with the same threadfn and argument, picked up in reverse order:
// only the stack tells them apart.
func TestThreadsInterleaved(t *testing.T) {
	other := proc("modprobe", 86)
	var l list
	l.at(1, event.ThreadRequested, event.Event{By: loader, Ptr: stackA, Func: 0x2000}).
		at(2, event.ThreadRequested, event.Event{By: other, Ptr: stackB, Func: 0x2000}).
		at(3, event.ThreadPickedUp, event.Event{By: kthreadd, Ptr: createA + 64, Func: 0x2000, Aux: stackB + 0x100}).
		at(4, event.ThreadFirstRun, event.Event{By: k2, Ptr: createA + 64, Func: 0x2000}).
		at(5, event.ThreadForked, event.Event{By: kthreadd, Ptr: createA + 64, Ret: 94}).
		at(6, event.ThreadPickedUp, event.Event{By: kthreadd, Ptr: createA, Func: 0x2000, Aux: stackA + 0x3fff}).
		at(7, event.ThreadForked, event.Event{By: kthreadd, Ptr: createA, Ret: 89}).
		at(8, event.ThreadFirstRun, event.Event{By: k1, Ptr: createA, Func: 0x2000})
	tl := build(l)
	if len(tl.Threads) != 2 {
		t.Fatalf("%d threads, want 2", len(tl.Threads))
	}
	for i, want := range []struct{ asker, pid uint32 }{{85, 89}, {86, 94}} {
		got := tl.Threads[i]
		if got.Requester.PID != want.asker || got.Task.PID != want.pid || got.Inexact {
			t.Errorf("thread %d: asked by %d, pid %d, inexact %v; want %+v", i, got.Requester.PID, got.Task.PID, got.Inexact,
				want)
		}
	}
}

// TestThreadReuse reuses create pointer, stack and pid for a second thread.
func TestThreadReuse(t *testing.T) {
	var l list
	l.born(100, loader, k1, stackA, createA).stopped(200, loader, k1, 0)
	l.born(300, loader, kthr("again", 89), stackA, createA).stopped(400, loader, kthr("again", 89), 7)
	tl := build(l)
	if len(tl.Threads) != 2 {
		t.Fatalf("%d threads, want 2", len(tl.Threads))
	}
	if a, b := tl.Threads[0], tl.Threads[1]; a.Result != 0 || b.Result != 7 || a.Freed != 204 || b.Freed != 404 ||
		b.Requested != 300 {
		t.Errorf("lives are mixed: %+v\n%+v", a, b)
	}
}

// TestThreadPidReusedWhileHeld: the first K1 is dead and held by a reference when its pid is reused; its free comes
// last.
func TestThreadPidReusedWhileHeld(t *testing.T) {
	var l list
	l.born(100, loader, k1, stackA, createA).at(150, event.TaskExited, event.Event{By: k1, Ret: 3, Data: 1})
	l.born(200, loader, kthr("new", 89), stackA, createA)
	l.stopped(300, loader, k1, 3) // on the dead one: by name
	tl := build(l)
	if len(tl.Threads) != 2 {
		t.Fatalf("%d threads, want 2", len(tl.Threads))
	}
	old, young := tl.Threads[0], tl.Threads[1]
	if old.Exited != 150 || old.Freed != 304 || len(old.Stops) != 1 || old.Stops[0].Returned != 303 {
		t.Errorf("old: %+v", old)
	}
	if !young.Alive() || len(young.Stops) != 0 {
		t.Errorf("young: %+v", young)
	}
}

func TestThreadEndings(t *testing.T) {
	request := event.Event{By: loader, Ptr: stackA, Func: 0x2000}
	picked := event.Event{By: kthreadd, Ptr: createA, Func: 0x2000, Aux: stackA + 8}
	killed := event.Event{By: kthreadd, Ptr: createA, Func: 0x2000}
	first := event.Event{By: k1, Ptr: createA, Func: 0x2000}
	tests := []struct {
		name    string
		events  *list
		ending  string
		inexact bool
	}{
		{"alive", new(list).born(1, loader, k1, stackA, createA), "still alive", false},
		{"by itself", new(list).born(1, loader, k1, stackA, createA).at(9, event.TaskExited,
			event.Event{By: k1, Ret: 42, Data: 1}), "returned 42", false},
		{"before it ran", new(list).at(1, event.ThreadRequested, request).at(2, event.ThreadPickedUp, picked).at(3,
			event.ThreadFirstRun, first).
			at(4, event.ThreadCreated, event.Event{By: loader, Target: k1}).at(5, event.ThreadStopAsked,
			event.Event{By: loader, Target: k1}).
			at(6, event.TaskExited, event.Event{By: k1, Ret: -4, Data: 1}), "stopped before it ran (-EINTR)", false},
		{"no memory", new(list).at(1, event.ThreadRequested, request).at(2, event.ThreadPickedUp, picked).at(3,
			event.ThreadForked, event.Event{Ptr: createA, Ret: -12}).
			at(4, event.ThreadCreated, event.Event{By: loader, Ret: -12}), "not created: -ENOMEM", false},
		{"requester killed", new(list).at(1, event.ThreadRequested, request).at(2, event.ThreadCreated,
			event.Event{By: loader, Ret: -4}).
			at(3, event.ThreadPickedUp, killed).at(4, event.ThreadFirstRun, first).at(5, event.TaskExited,
			event.Event{By: k1, Ret: -4, Data: 1}),
			"gave up: its requester was killed while it waited", true},
		{"never picked up", new(list).at(1, event.ThreadRequested, request), "not seen to be created", false},
		{"only freed", new(list).born(1, loader, k1, stackA, createA).at(20, event.TaskFreed, event.Event{Target: k1}),
			"ended (its result was not seen)", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tl := build(*tt.events)
			if len(tl.Threads) != 1 {
				t.Fatalf("%d threads, want 1: %+v", len(tl.Threads), tl.Threads)
			}
			if got := &tl.Threads[0]; got.Ended != tt.ending || got.Inexact != tt.inexact {
				t.Errorf("%q inexact %v, want %q %v", got.Ended, got.Inexact, tt.ending, tt.inexact)
			}
		})
	}
}

// TestThreadLosses drops every single record of two lives in turn: there are always two threads, and every remaining
// record stays with its own.
func TestThreadLosses(t *testing.T) {
	var full list
	full.born(100, loader, k1, stackA, createA).born(110, loader, k2, stackA, createA)
	full.stopped(200, loader, k1, 1).stopped(210, loader, k2, 2)
	for drop := range full {
		tl := build(slices.Delete(slices.Clone(full), drop, drop+1))
		kind := full[drop].Kind
		var seen []string
		for i := range tl.Threads {
			th := &tl.Threads[i]
			seen = append(seen, th.Task.Comm)
			if th.Exited != 0 && th.Result != map[string]int64{"K1": 1, "K2": 2}[th.Task.Comm] {
				t.Errorf("without %s: %s returned %d", kind, th.Task.Comm, th.Result)
			}
		}
		if !slices.Contains(seen, "K1") || !slices.Contains(seen, "K2") || len(seen) > 2 {
			t.Errorf("without %s of %v: threads %v", kind, full[drop].By, seen)
		}
	}
}

func TestSites(t *testing.T) {
	tests := []struct {
		name  string
		stack []uint64
		want  string
	}{
		{"module behind the interface", []uint64{0x10, 0x20, 0x1000, 0x30}, "startup+0x0 [m]"},
		{"module behind kernel code", []uint64{0x30, 0x1000}, "startup+0x0 [m]"},
		{"innermost module", []uint64{0x2000, 0x1000}, "fn+0x0 [m]"},
		{"no module", []uint64{0x10, 0x11, 0x21, 0x30, 0x31}, "process_one_work+0x0"},
		{"only unnamed", []uint64{0xdead, 0xbeef}, ""},
		{"empty", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l list
			tl := build(*l.at(1, event.ThreadRequested, event.Event{By: loader, Ptr: stackA, Stack: tt.stack}))
			got := ""
			if site := tl.Threads[0].Requester.Site; site != (event.Site{}) {
				got = site.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLoads(t *testing.T) {
	var l list
	l.at(10, event.ModuleLoaded, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
		at(11, event.ModuleLoaded, event.Event{By: loader, Ptr: 0xb0, Text: "stranger"}).
		at(12, event.ModuleInitBegin, event.Event{By: loader, Ptr: 0xb0, Text: "stranger"}).
		at(13, event.ModuleInitBegin, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
		at(14, event.ModuleInitEnd, event.Event{By: loader, Ptr: 0xa0, Ret: -19}).
		at(15, event.ModuleInitEnd, event.Event{By: loader, Ptr: 0xb0}).
		at(16, event.ModuleFreed, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
		at(20, event.ModuleLoaded, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
		at(21, event.ModuleInitEnd, event.Event{By: loader, Ptr: 0xa0}).
		at(30, event.ModuleFreed, event.Event{By: k1, Ptr: 0xc0, Text: "before"}).
		at(31, event.ModuleInitEnd, event.Event{By: k1, Ptr: 0xd0})
	want := []Load{
		{Name: "m", By: loader, Loaded: 10, InitBegin: 13, InitEnd: 14, InitRet: -19, Freed: 16, FreedBy: loader},
		{Name: "stranger", By: loader, Loaded: 11, InitBegin: 12, InitEnd: 15, Background: true},
		{Name: "m", By: loader, Loaded: 20, InitEnd: 21},
		{Name: "before", Freed: 30, FreedBy: k1, Background: true},
	}
	tl := build(l)
	if diff := cmp.Diff(want, tl.Loads); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tl.Loads[0].Live() || !tl.Loads[1].Live() {
		t.Error("Live is wrong")
	}
}

// TestEarlyRefs: a reference to a module that is still loading makes no second module; the kernel's own references for
// a kprobe are left out.
func TestEarlyRefs(t *testing.T) {
	const probing, other = 0x77, 0x88
	sites := func(addr, _ uint64) event.Site {
		switch addr {
		case probing:
			return event.Site{Symbol: "register_kprobe", Offset: 0x27}
		case other:
			return event.Site{Symbol: "ref_module", Offset: 0x11}
		}
		return event.Site{}
	}
	for _, ptr := range []uint64{0xa0, 0} { // a classic tracepoint has no address
		var l list
		l.at(5, event.ModuleGot, event.Event{By: k1, Ptr: ptr, Text: "m", Func: probing, Arg: 2}).
			at(6, event.ModulePut, event.Event{By: k1, Ptr: ptr, Text: "m", Func: probing, Arg: 1}).
			at(7, event.ModuleGot, event.Event{By: k1, Ptr: ptr, Text: "m", Func: other, Arg: 2}).
			at(10, event.ModuleLoaded, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
			at(13, event.ModuleInitEnd, event.Event{By: loader, Ptr: 0xa0, Text: "m"}).
			at(16, event.ModuleFreed, event.Event{By: k1, Ptr: 0xa0, Text: "m"})
		want := []Load{{Name: "m", By: loader, Loaded: 10, InitEnd: 13, Freed: 16, FreedBy: k1,
			Refs: []Ref{{At: 7, Count: 2, By: k1, Site: event.Site{Symbol: "ref_module", Offset: 0x11}}}}}
		got := Build(l, sites, Options{Modules: []string{"m"}}).Loads
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pointer %#x (-want +got):\n%s", ptr, diff)
		}
	}
}

// TestOrder: the list may come in any order.
func TestOrder(t *testing.T) {
	var l list
	l.born(100, loader, k1, stackA, createA).stopped(200, loader, k1, 0)
	want := build(l)
	before := slices.Clone(l)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		shuffled := slices.Clone(l)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := build(shuffled); !reflect.DeepEqual(got, want) {
			t.Fatalf("order matters: %+v\nwant %+v", got, want)
		}
	}
	if !reflect.DeepEqual(before, l) {
		t.Error("Build changed its input")
	}
}

func TestEmpty(t *testing.T) {
	if tl := Build(nil, nil, Options{}); tl.Start != 0 || tl.Threads != nil {
		t.Errorf("%+v", tl)
	}
	if tl := Build([]event.Event{{Time: 7, Kind: 999}}, nil, Options{}); tl.Start != 7 {
		t.Errorf("start %d, want 7", tl.Start)
	}
}

func TestSpan(t *testing.T) {
	tests := map[int64]string{
		0: "0 ns", 640: "640 ns", 12_000: "12 µs", 110_000: "0.1 ms", 9_800_000: "9.8 ms", 42_400_000: "42 ms",
		999_600_000: "1.00 s", 1_260_000_000: "1.26 s", 75_000_000_000: "75 s", -3_000: "-3 µs", -1 << 63: "-4611686018 s",
	}
	for ns, want := range tests {
		if got := Span(ns); got != want {
			t.Errorf("Span(%d) = %q, want %q", ns, got, want)
		}
	}
}

// TestBackground: only what the modules under study take part in is shown.
func TestBackground(t *testing.T) {
	var l list
	stranger := kthr("kworker/0:1", 40)
	l.at(1, event.ThreadRequested, event.Event{By: stranger, Ptr: stackB, Func: 0x3000, Stack: []uint64{0x3000}})
	l.born(100, loader, k1, stackA, createA)
	sent := func(at uint64, by, to event.Task, signo uint32, site uint64) {
		l.at(at, event.SignalSent, event.Event{By: by, Target: to, Arg: signo, Stack: []uint64{site}})
		l.at(at+1, event.SignalGenerated, event.Event{By: by, Target: to, Arg: signo})
	}
	sent(200, proc("sh", 50), k1, 10, 0x30)              // to our thread: shown
	sent(210, stranger, proc("sh", 50), 10, 0x30)        // strangers
	sent(220, k1, proc("sh", 50), 17, 0x30)              // SIGCHLD
	sent(230, k1, proc("sh", 50), 17, 0x1000)            // SIGCHLD that our code sends: shown
	sent(240, proc("kmodlab", 1), proc("x", 5), 9, 0x30) // the agent's own business
	tl := Build(l, resolve, Options{Modules: []string{"m"}, AgentTGID: 1})
	var shown []uint64
	for _, s := range tl.Signals {
		if !s.Background {
			shown = append(shown, s.Sent)
		}
	}
	if diff := cmp.Diff([]uint64{200, 230}, shown); diff != "" {
		t.Errorf("signals shown (-want +got):\n%s", diff)
	}
	if !tl.Threads[0].Background || tl.Threads[1].Background {
		t.Error("wrong threads in the background")
	}
	if tl.Start != 100 {
		t.Errorf("start %d, want 100, the first of the foreground", tl.Start)
	}
	all := Build(l, resolve, Options{})
	for _, th := range all.Threads {
		if th.Background {
			t.Errorf("without a list of modules %v is in the background", th.Task)
		}
	}
}

func TestReasonsAreWords(t *testing.T) {
	for _, ret := range []int64{0, 1, 9, 139, 256, 65280, -2, -62, -16, -36, -13, -1, -512, -4, -22, -4096, 1 << 40,
		-1 << 63} {
		for _, wait := range []bool{true, false} {
			words := requestWords(ret, wait)
			if words == "" || strings.Contains(words, "%!") {
				t.Errorf("%d: %q", ret, words)
			}
		}
	}
}
