// SPDX-License-Identifier: MIT

// Package live reports a trace's events as they come, in the order of time.
package live

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// settleTime is how long an event waits for older ones. Events come from several CPUs and
// rings, each in its own order; the agent copies them twenty times a second.
const settleTime = 200 * time.Millisecond

// Stream is one trace in progress. A nil Stream has no watcher: it takes everything and
// does nothing.
type Stream struct {
	out   func(*notify.Seen)
	file  func(module string) *symbols.Module
	table *symbols.Table
	words *timeline.Live
	test  event.SelfTest

	mu      sync.Mutex
	waiting []event.Event
	newest  uint64 // time of the newest event that has come

	stop    chan struct{} // nil until Begin
	stopped chan struct{}
}

// New makes a stream that calls out; it is nil if out is. file reads a module's symbols.
func New(out func(*notify.Seen), file func(module string) *symbols.Module) *Stream {
	if out == nil {
		return nil
	}
	return &Stream{out: out, file: file}
}

// Add takes an event as it comes. It never waits for the watcher.
func (s *Stream) Add(e event.Event) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, e)
	s.newest = max(s.newest, e.Time)
}

// Begin starts reporting what was recorded since mark.
func (s *Stream) Begin(kernel *symbols.Kernel, mark uint64) {
	if s == nil {
		return
	}
	s.prepare(kernel, mark)
	s.stop, s.stopped = make(chan struct{}), make(chan struct{})
	go s.run()
}

func (s *Stream) prepare(kernel *symbols.Kernel, mark uint64) {
	s.table = symbols.New(kernel, nil, nil)
	s.words = timeline.NewLive(s.table.Site)
	s.test = event.SelfTest{Mark: mark}
}

func (s *Stream) run() {
	defer close(s.stopped)
	tick := time.NewTicker(settleTime)
	defer tick.Stop()
	var settled uint64 // the newest time a tick ago: all older events have come by now
	for {
		select {
		case <-tick.C:
			settled = s.pass(settled)
		case <-s.stop:
			s.pass(^uint64(0))
			return
		}
	}
}

// End reports the events that still wait, once no more come. It can be called again.
func (s *Stream) End() {
	if s == nil || s.stop == nil {
		return
	}
	close(s.stop)
	<-s.stopped
	s.stop = nil
}

// pass reports the events up to limit, and returns the newest time so far.
func (s *Stream) pass(limit uint64) uint64 {
	s.mu.Lock()
	events, newest := s.waiting, s.newest
	slices.SortStableFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
	n, _ := slices.BinarySearchFunc(events, limit, func(e event.Event, limit uint64) int {
		if e.Time <= limit {
			return -1
		}
		return 1
	})
	s.waiting = slices.Clone(events[n:])
	s.mu.Unlock()
	for i := range events[:n] {
		s.show(&events[i])
	}
	return newest
}

func (s *Stream) show(e *event.Event) {
	if !s.test.Counts(e) {
		return
	}
	if e.Kind == event.ModuleLoaded {
		s.table.Place(e, s.file(e.Text))
	}
	line, ok := s.words.Add(e)
	if !ok {
		line = timeline.Line{At: e.Time}
	}
	s.out(&notify.Seen{
		Event: *e, Line: line, Site: s.table.Site,
		SinceStart: time.Duration(min(e.Time-s.test.Mark, 1<<62)),
	})
}
