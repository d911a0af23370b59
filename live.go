// SPDX-License-Identifier: MIT

package kmodlab

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Seen is one event of a live trace. It is valid during the call that it comes
// with.
type Seen struct {
	Event event.Event
	// Line is the event in words; What is empty for those that say nothing that
	// another does not say too.
	Line timeline.Line
	// SinceStart is the time since the trace began.
	SinceStart time.Duration

	site func(addr, at uint64) event.Site
}

// JSON is the event as `kmodlab trace --json` prints it.
func (s *Seen) JSON() event.JSON {
	j := s.Event.JSON(s.site)
	if s.Line.What != "" {
		j.Words = s.Line.String()
	}
	return j
}

// settleTime is how long an event waits for older ones. They come from several
// CPUs and rings, each in its own order; the agent copies what there is twenty
// times a second.
const settleTime = 200 * time.Millisecond

// live passes events on in the order of time, while they come.
type live struct {
	out   func(*Seen)
	file  func(module string) *symbols.Module
	table *symbols.Table
	words *timeline.Live
	begun prelude

	mu      sync.Mutex
	waiting []event.Event
	newest  uint64 // time of the newest event that has come

	stop    chan struct{} // nil until begin
	stopped chan struct{}
}

// watchEvents passes the events on to who watches, if anybody does. The modules'
// files are read anew, for the run itself goes on meanwhile.
func (r *run) watchEvents() {
	if r.spec.Watch.Event == nil {
		return
	}
	r.live = newLive(r.spec.Watch.Event, func(name string) *symbols.Module {
		return moduleSymbols(kmod.ReadModule(r.moduleFile(name)))
	})
}

func newLive(out func(*Seen), file func(module string) *symbols.Module) *live {
	return &live{out: out, file: file}
}

// add takes an event from the stream. It does not wait for whoever reads the
// lines.
func (l *live) add(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, e)
	l.newest = max(l.newest, e.Time)
}

// begin starts to pass on what was recorded since mark.
func (l *live) begin(kernel *symbols.Kernel, mark uint64) {
	l.prepare(kernel, mark)
	l.stop, l.stopped = make(chan struct{}), make(chan struct{})
	go l.run()
}

func (l *live) prepare(kernel *symbols.Kernel, mark uint64) {
	l.table = symbols.New(kernel, nil, nil)
	l.words = timeline.NewLive(l.table.Site)
	l.begun = prelude{mark: mark}
}

func (l *live) run() {
	defer close(l.stopped)
	tick := time.NewTicker(settleTime)
	defer tick.Stop()
	var settled uint64 // what was newest a tick ago: all that is older has come by now
	for {
		select {
		case <-tick.C:
			settled = l.pass(settled)
		case <-l.stop:
			l.pass(^uint64(0))
			return
		}
	}
}

// end passes on what still waits, once the stream has ended.
func (l *live) end() {
	if l.stop == nil {
		return
	}
	close(l.stop)
	<-l.stopped
	l.stop = nil
}

// pass shows what is not newer than limit, and returns the newest time so far.
func (l *live) pass(limit uint64) uint64 {
	l.mu.Lock()
	events, newest := l.waiting, l.newest
	slices.SortStableFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
	n, _ := slices.BinarySearchFunc(events, limit, func(e event.Event, limit uint64) int {
		if e.Time <= limit {
			return -1
		}
		return 1
	})
	l.waiting = slices.Clone(events[n:])
	l.mu.Unlock()
	for i := range events[:n] {
		l.show(&events[i])
	}
	return newest
}

func (l *live) show(e *event.Event) {
	if !l.begun.counts(e) {
		return
	}
	if e.Kind == event.ModuleLoaded {
		l.table.Place(e, l.file(e.Text))
	}
	line, ok := l.words.Add(e)
	if !ok {
		line = timeline.Line{At: e.Time}
	}
	l.out(&Seen{
		Event: *e, Line: line, site: l.table.Site,
		SinceStart: time.Duration(min(e.Time-l.begun.mark, 1<<62)),
	})
}

// unmatched says which of the filters' names no event bore, for a mistyped name
// shows nothing and is no error: what bears it may have come later.
func (f Filter) unmatched(events []event.Event) []string {
	task := func(name string) bool {
		name = name[:min(len(name), maxComm)]
		return slices.ContainsFunc(events, func(e event.Event) bool { return e.By.Comm == name || e.Target.Comm == name })
	}
	var missing []string
	if f.Thread != "" && !task(f.Thread) {
		missing = append(missing, "--thread "+f.Thread)
	}
	if len(events) > 0 {
		return missing
	}
	for _, other := range []struct{ flag, value string }{
		{"--module", f.Module}, {"--from", f.From}, {"--to", f.To},
	} {
		if other.value != "" {
			missing = append(missing, other.flag+" "+other.value)
		}
	}
	if len(f.Signals) > 0 {
		var names []string
		for _, s := range f.Signals {
			names = append(names, timeline.SignalName(int(s)))
		}
		missing = append(missing, "--signal "+strings.Join(names, ","))
	}
	return missing
}

// maxComm is the kernel's bound of a task's name.
const maxComm = 15
