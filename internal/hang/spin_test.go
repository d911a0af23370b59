// SPDX-License-Identifier: MIT

package hang

import (
	"fmt"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/code"
)

// TestSpins: a loop without an end, or without any change, spins; a computation does not.
func TestSpins(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	for name, tt := range map[string]struct {
		place  func(i int) string
		called func(i int) []string
		states int
		n      int
		want   bool
	}{
		"the same registers":     {place: always("start+0x3 [m]"), states: 2, n: 28, want: true},
		"ever new registers":     {place: always("start+0x3 [m]"), states: 28, n: 28},
		"too few samples":        {place: always("start+0x3 [m]"), states: 1, n: 8},
		"a spinlock":             {place: always(""), called: frames("start+0x9 [m]"), states: 3, n: 28, want: true},
		"a printer in between":   {place: every(8, "", "start+0x3 [m]"), states: 2, n: 28, want: true},
		"mostly something else":  {place: every(2, "", "start+0x3 [m]"), states: 2, n: 28},
		"two functions in turns": {place: every(2, "deaf+0x3 [m]", "start+0x3 [m]"), states: 2, n: 28},
		"a timer that deletes itself": {
			place: always(""), called: frames(after(t, of, "expiring", "del_timer_sync")), states: 28, n: 28, want: true,
		},
		"a loop that sleeps":  {place: always(""), called: frames(after(t, of, "endless", "msleep")), states: 28, n: 28},
		"a thread that naps":  {place: always(""), called: frames(after(t, of, "deaf", "msleep")), states: 1, n: 28},
		"a count in memory":   {place: always(inLoop(t, of, "spending")), states: 2, n: 28},
		"a look at the clock": {place: always(inLoop(t, of, "polling")), states: 2, n: 28},
		"a wait for a flag":   {place: always(inLoop(t, of, "watching")), states: 2, n: 28, want: true},
		"a spinlock in a loop that counts": {
			place: always(""), called: frames(after(t, of, "locking", "_raw_spin_lock")), states: 2, n: 28, want: true,
		},
		"a CPU outside the module": {place: always(""), states: 1, n: 28},
		"a flood that printers interrupt": {
			place: always(""), called: seldom(9, after(t, of, "flooding", "_printk")), states: 28, n: 28, want: true,
		},
		"two looks at a flood": {
			place: always(""), called: seldom(20, after(t, of, "flooding", "_printk")), states: 28, n: 28,
		},
		"a flood that may wait elsewhere": {
			place: always(""), called: seldom(9, after(t, of, "flooding_and_more", "_printk")), states: 28, n: 28,
		},
	} {
		var samples []Sample
		for i := range tt.n {
			at := Sample{
				CPU: 1, At: FirstLook + time.Duration(i)*250*time.Millisecond, Place: tt.place(i), Task: 7,
				State: fmt.Sprint("RAX=", i%tt.states),
			}
			if tt.called != nil {
				at.Called = tt.called(i)
			}
			samples = append(samples, at)
		}
		got := s.Spins(samples)
		if (len(got) == 1) != tt.want || tt.want && (got[0].CPU != 1 || got[0].Task != 7 || got[0].Site == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestSpinsBeside: a CPU that waits for one that works may be waited for, unless its own loop has no way out.
func TestSpinsBeside(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	var samples []Sample
	for i := range 28 {
		at := Sample{CPU: 0, At: FirstLook + time.Duration(i)*250*time.Millisecond, Place: "start+0x3 [m]", State: "RAX=1"}
		samples = append(samples, at)
		at.CPU, at.State = 1, fmt.Sprint("RAX=", i)
		samples = append(samples, at)
	}
	if got := s.Spins(samples); len(got) != 0 {
		t.Errorf("beside a CPU that works: %+v", got)
	}
	for i := range samples {
		if samples[i].CPU == 0 {
			samples[i].Place = inLoop(t, of, "counting_on")
		}
	}
	if got := s.Spins(samples); len(got) != 1 || got[0].CPU != 0 {
		t.Errorf("a loop without an end: %+v", got)
	}
}

// TestDeaf: a guest with one CPU that spins still answers if another one gets on with its work.
func TestDeaf(t *testing.T) {
	s := &Study{Modules: []string{"m"}, Code: loops(t)}
	for name, tt := range map[string]struct {
		place  string   // of CPU 0
		timers []string // CPU 0 is in the loop over timers, and has these functions at hand
		states int      // of CPU 1
		want   bool
	}{
		"the other CPU waits":         {"start+0x3 [m]", nil, 1, true},
		"the other CPU works":         {"start+0x3 [m]", nil, 28, false},
		"a timer that never ends":     {"", []string{"tick+0x0 [m]"}, 28, true},
		"a function that never ends":  {"start+0x3 [m]", []string{"tick+0x0 [m]"}, 1, true},
		"the same, other CPU at work": {"start+0x3 [m]", []string{"tick+0x0 [m]"}, 28, false},
		"nothing of a module":         {"", nil, 1, false},
	} {
		var samples []Sample
		for i := range 28 {
			at := Sample{At: FirstLook + time.Duration(i)*250*time.Millisecond, Place: tt.place, State: "RAX=1"}
			at.Timer, at.Timers = tt.timers != nil, tt.timers
			other := Sample{CPU: 1, At: at.At, State: fmt.Sprint("RAX=", i%tt.states)}
			samples = append(samples, at, other)
		}
		if got := s.Deaf(samples); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if s.Deaf(nil) {
		t.Error("no samples: deaf")
	}
}

// TestRestarts: a CPU that is in the loop over timers in all samples never leaves it, whatever another CPU waits for.
func TestRestarts(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	for name, tt := range map[string]struct {
		n      int
		others int // a sample in so many is of something else
		timers []string
		place  string // in most samples, or now and then
		inside int    // all but a sample in so many are at the place; 1: all; 0: a sample in five is
		want   string
	}{
		"always, its function at hand": {n: 28, timers: []string{"tick+0x0 [m]"}, want: "tick+0x0 [m]"},
		"always, met in its function":  {n: 28, place: "tick+0x5 [m]", want: "tick+0x0 [m]"},
		"always, nothing of a module":  {n: 28},
		"never out of its function":    {n: 28, place: "tick+0x5 [m]", inside: 1},
		"hardly ever out of it":        {n: 28, place: "tick+0x5 [m]", inside: 14, want: "tick+0x0 [m]"},
		"not always":                   {n: 28, others: 9, timers: []string{"tick+0x0 [m]"}},
		"too few samples":              {n: 8, timers: []string{"tick+0x0 [m]"}},
	} {
		var samples []Sample
		for i := range tt.n {
			at := Sample{At: FirstLook + time.Duration(i)*250*time.Millisecond, State: fmt.Sprint("RAX=", i)}
			waiting := at
			waiting.CPU, waiting.State, waiting.Place = 1, "RAX=1", "start+0x3 [m]"
			if at.Timer = tt.others == 0 || i%tt.others != 0; at.Timer {
				at.Timers = tt.timers
			}
			if tt.inside == 0 && i%5 == 0 || tt.inside == 1 || tt.inside > 1 && i%tt.inside != 0 {
				at.Place = tt.place
			}
			samples = append(samples, at)
			if tt.want != "" {
				samples = append(samples, waiting)
			}
		}
		got := s.Spins(samples)
		if len(got) > 1 || (len(got) == 1) != (tt.want != "") || len(got) == 1 && (got[0].Site != tt.want || !got[0].Timer) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAtWork: a CPU that is on its way into a sleep, or back, does no work in the modules.
func TestAtWork(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	for name, tt := range map[string]struct {
		at   Sample
		want bool
	}{
		"elsewhere":                {Sample{}, false},
		"in the module":            {Sample{Place: "start+0x3 [m]"}, true},
		"in a call that sleeps":    {Sample{Called: []string{after(t, of, "deaf", "msleep")}}, false},
		"in a call that works":     {Sample{Called: []string{after(t, of, "flooding", "_printk")}}, true},
		"in a wait for a lock":     {Sample{Called: []string{after(t, of, "locking", "_raw_spin_lock")}}, true},
		"back in the module's own": {Sample{Place: "deaf+0x3 [m]", Called: []string{after(t, of, "deaf", "msleep")}}, true},
	} {
		if got := s.AtWork(tt.at); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestUnhelped: a CPU that waits for a flag may wait for a thread that naps and has an end.
func TestUnhelped(t *testing.T) {
	of := loops(t)
	for name, tt := range map[string]struct {
		thread string
		waits  bool
		later  time.Duration
		want   int
	}{
		"a thread with an end":            {thread: "bounded", waits: true},
		"a thread without one":            {thread: "endless", waits: true, want: 1},
		"a thread that only looks":        {thread: "heeding", waits: true, want: 1},
		"a loop without an end beside it": {thread: "bounded", want: 1},
		"a look long ago":                 {thread: "bounded", waits: true, later: 5 * time.Second, want: 1},
	} {
		w := watched(of, false, []stands{thread(130, 20, "msleep+0x29", after(t, of, tt.thread, "msleep"))}, Patience)
		if got := w.Unhelped([]Spin{{waits: tt.waits}}, Patience+tt.later); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// inLoop is a place in a loop of a function.
func inLoop(t *testing.T, of func(string) *code.Module, name string) string {
	t.Helper()
	for at := range uint64(200) {
		if flow, ok := of("m").Flow(name, at); ok && flow.Loops {
			return fmt.Sprintf("%s+0x%x [m]", name, at)
		}
	}
	t.Fatalf("%s has no loop", name)
	return ""
}

func always(place string) func(int) string { return func(int) string { return place } }

func every(n int, other, place string) func(int) string {
	return func(i int) string {
		if i%n == 0 {
			return other
		}
		return place
	}
}

// seldom is a call in one of n samples.
func seldom(n int, place string) func(int) []string {
	return func(i int) []string {
		if i%n == 0 {
			return []string{place}
		}
		return nil
	}
}

func frames(list ...string) func(int) []string { return func(int) []string { return list } }
