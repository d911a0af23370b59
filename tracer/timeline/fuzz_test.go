// SPDX-License-Identifier: MIT

package timeline

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// eventsOf reads events from bytes, nine each. The domains are small, so that identities meet and are reused.
func eventsOf(data []byte) []event.Event {
	var events []event.Event
	for len(data) >= 9 && len(events) < 4096 {
		b := data[:9]
		data = data[9:]
		task := func(n byte) event.Task {
			t := event.Task{PID: uint32(n % 6), TGID: uint32(n % 3), Comm: string([]byte{'A' + n%4}), Kthread: n&0x40 != 0,
				Addr: uint64(n>>3&3) << 40}
			if t.Kthread {
				t.TGID = t.PID
			}
			return t
		}
		e := event.Event{
			Kind: event.Kind(b[0] % 54), Time: uint64(b[1]), CPU: uint32(b[2] & 1), By: task(b[2]), Target: task(b[3]),
			Arg: uint32(b[4]) - 4, Ptr: uint64(b[5]%4) << 14, Func: uint64(b[5]>>4) % 5, Data: uint64(b[6]),
			Aux: uint64(b[6]%4) << 14,
			Ret: int64(int8(b[7])),
		}
		if b[8]&1 != 0 {
			e.Text, e.Args = "m", []string{"a", "b"}
		}
		for n := range int(b[8]>>1) % 4 {
			e.Stack = append(e.Stack, uint64(n)<<12)
		}
		if b[8]&0x80 != 0 {
			e.Time, e.Ret, e.Ptr = ^uint64(0)-e.Time, -1<<63, ^uint64(0)
		}
		events = append(events, e)
	}
	return events
}

func FuzzBuild(f *testing.F) {
	for kind := range byte(54) {
		var seed []byte
		for i := range byte(60) {
			seed = append(seed, kind+i*7, i*5, i^kind, i*3, i+10, i*kind, i*11, kind-i, i*13)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		events := eventsOf(data)
		before := slices.Clone(events)
		tl := Build(events, resolve, Options{AgentTGID: 1, Modules: []string{"m"}})
		if !reflect.DeepEqual(before, events) {
			t.Fatal("Build changed its input")
		}
		check(t, tl, len(events))
		Build(events, nil, Options{})
		check(t, Build(events, resolve, Options{Blind: blindOf(data)}), len(events))
	})
}

// check checks what is true of any timeline, however much was lost.
func check(t *testing.T, tl *Timeline, events int) {
	t.Helper()
	if n := len(tl.Threads) + len(tl.Requests) + len(tl.Signals) + len(tl.Loads); n > events {
		t.Fatalf("%d members of %d events", n, events)
	}
	for i := range tl.Threads {
		th := &tl.Threads[i]
		if th.Ending == "" || th.Ended == "" || th.Alive() && (th.Exited != 0 || th.Freed != 0) {
			t.Fatalf("%+v", th)
		}
		for _, s := range th.Stops {
			if s.Returned != 0 && s.Returned < s.Asked {
				t.Fatalf("stop returned before it was asked: %+v", s)
			}
		}
		ordered(t, th.Requested, th.PickedUp, th.FirstRun, th.Function)
		ordered(t, th.Requested, th.Created)
		ordered(t, th.Woken, th.Freed)
		for _, p := range th.Parks {
			ordered(t, p.Asked, p.Returned)
			ordered(t, p.Asked, p.Parked, p.Unparked)
		}
		for _, w := range th.Wakeups {
			if w.Omitted < 0 || w.Omitted > maxOmitted {
				t.Fatalf("%+v", w)
			}
		}
		for _, w := range th.Works {
			ordered(t, w.Queued, w.Started, w.Ended)
		}
	}
	for i := range tl.Requests {
		r := &tl.Requests[i]
		ordered(t, r.Asked, r.Queued, r.Forked, r.Exec)
		ordered(t, r.Asked, r.Returned)
		if (r.Meaning() == "") != (r.Returned == 0) {
			t.Fatalf("%+v", r)
		}
	}
	for _, s := range tl.Signals {
		if s.Outcome == "" || s.Reason == "" {
			t.Fatalf("%+v", s)
		}
		if s.Outcome == Unknown && (s.Taken != 0 || s.Site != event.Site{}) && s.Reason == "" {
			t.Fatalf("%+v", s)
		}
		if (s.Outcome == Consumed || s.Outcome == NotASignal) && s.Taken < s.Sent {
			t.Fatalf("taken before it was sent: %+v", s)
		}
	}
}

// ordered checks that no moment that was seen precedes the one before it.
func ordered(t *testing.T, times ...uint64) {
	t.Helper()
	last := uint64(0)
	for _, at := range times {
		if at != 0 && at < last {
			t.Fatalf("out of order: %v", times)
		}
		last = max(last, at)
	}
}

// TestRandom is FuzzBuild without the search: a fixed sequence that every test run takes.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		data := make([]byte, 9*(1+r.IntN(120)))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		for i := 8; i < len(data); i += 9 {
			if r.IntN(20) != 0 {
				data[i] &^= 0x80 // mostly sane times
			}
		}
		events := eventsOf(data)
		check(t, Build(events, resolve, Options{AgentTGID: 1, Modules: []string{"m"}, Blind: blindOf(data)}), len(events))
	}
}

// blindOf makes some kinds blind, according to the first bytes; often none.
func blindOf(data []byte) map[event.Kind]string {
	blind := map[event.Kind]string{}
	for _, n := range data[:min(len(data), 4)] {
		if n&1 != 0 {
			blind[event.Kind(n/2%48)] = "so it is"
		}
	}
	return blind
}
