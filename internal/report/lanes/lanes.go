// SPDX-License-Identifier: MIT

// Package lanes turns a result.Result into what its pictures are made of: a lane for each task, with the stages of its
// life and its calls as segments; arrows where one task acts on another; and the list of single events, each with
// everything known about it. It is pure, and knows nothing about colours and pixels.
//
// Names come from a guest that nobody trusts. Every text in a Story is plain: valid UTF-8, without control characters
// and marks that change direction, and of bounded length (Plain, Short). It must still be escaped for the document it
// goes into.
package lanes

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/result"
)

// Story is everything that happened. All times are nanoseconds since the run's first event, as in result.Result. Empty
// lists are nil; an index that points nowhere is -1.
type Story struct {
	Lanes    []Lane    `json:"lanes"`    // in order of their first event, modules last
	Events   []Event   `json:"events"`   // in order of time
	Arrows   []Arrow   `json:"arrows"`   // in order of From.At
	Subjects []Subject `json:"subjects"` // what the events are about
	Places   []Place   `json:"places"`   // that Subject.Stacks point to
	Begin    int64     `json:"begin"`    // of the foreground, if there is any
	End      int64     `json:"end"`

	starts []int // the event that begins each test, or -1
}

// Starts is the event that begins a test, -1 if its time is not known.
func (s *Story) Starts(test int) int {
	if test < 0 || test >= len(s.starts) {
		return -1
	}
	return s.starts[test]
}

// Kind is what a lane stands for.
type Kind string

// The kinds of lanes.
const (
	Process  Kind = "process"
	Kthreadd Kind = "kthreadd"
	Kthread  Kind = "kthread"
	Helper   Kind = "helper" // the program that the kernel ran for a request_module
	Module   Kind = "module"
	Test     Kind = "test"    // a program that ran beside the modules
	Program  Kind = "program" // a process that a test started
)

// Lane is one task, or the life of a module.
type Lane struct {
	Name       string    `json:"name"` // without the pid
	PID        int       `json:"pid"`  // 0 for modules
	Kind       Kind      `json:"kind"`
	Background bool      `json:"background"`     // nothing in it concerns the modules under study
	Mark       string    `json:"mark"`           // crashed, hangs, …: what the kernel reported about it; "" if nothing
	Note       string    `json:"note,omitempty"` // what to say below its name; "" for the words of its kind
	Tone       Tone      `json:"tone,omitempty"` // of the note
	Segments   []Segment `json:"segments"`       // in order of Begin
	Rows       int       `json:"rows"`           // at least 1
	Subject    int       `json:"subject"`        // the thread, request or module that lives here, or -1

	first int64 // its first event
	seen  bool
	group int // the lane of the test that it belongs to, or -1
}

// Title is the lane's name with the pid.
func (l *Lane) Title() string {
	if l.Kind == Module {
		return l.Name
	}
	return fmt.Sprintf("%s[%d]", l.Name, l.PID)
}

// Stage is what a segment shows; it decides the colour.
type Stage string

// The stages of lives, and the calls. A thread goes from Requested to Ended.
const (
	Requested Stage = "requested" // requested, but kthreadd has not picked it up yet
	Creating  Stage = "creating"  // kthreadd creates it; also kthreadd's own work
	Created   Stage = "created"   // exists, and sleeps until it is woken
	Woken     Stage = "woken"     // on its way to its function
	Function  Stage = "function"
	Stopping  Stage = "stopping" // kthread_stop was called, and the function has not returned yet
	Ended     Stage = "ended"    // not freed yet
	Parked    Stage = "parked"
	Work      Stage = "work" // of a kthread_worker

	Starting Stage = "starting" // a helper between fork and exec
	Running  Stage = "running"  // a helper from exec to exit, or a process that a test started

	Passed  Stage = "passed" // a test, from its start to its end
	Failed  Stage = "failed"
	Skipped Stage = "skipped"
	Call    Stage = "call"    // a program is in a system call on a file of a module
	Refused Stage = "refused" // the same, and the call returns an error, or does not return

	Create Stage = "create"  // a caller waits for a new thread
	Stop   Stage = "stop"    // a caller waits in kthread_stop
	Park   Stage = "park"    // a caller waits in kthread_park
	Ask    Stage = "request" // a caller is in request_module
	Load   Stage = "load"    // a caller is in finit_module

	Init Stage = "init" // a module's init runs
	Live Stage = "live" // a module is loaded
)

// Segment is a stretch of a lane.
type Segment struct {
	Stage Stage  `json:"stage"`
	Name  string `json:"name"`
	Brief string `json:"brief"` // the part of Name to show where it has no room; "" if there is none
	Begin int64  `json:"begin"`
	End   int64  `json:"end"`
	Open  bool   `json:"open"` // continues after End: the trace saw no end
	// Row is 0 for the stages of a life. Calls lie below, overlapping ones in different rows.
	Row   int `json:"row"`
	Event int `json:"event"` // the event that begins it
}

// Tone tells the reader whether an event is good or bad news.
type Tone string

// The tones; most events have none.
const (
	Good Tone = "good"
	Warn Tone = "warn"
	Bad  Tone = "bad"
)

// Event is a moment of one subject.
type Event struct {
	At      int64  `json:"at"`
	Lane    int    `json:"lane"` // whose action it is, or -1
	Subject int    `json:"subject"`
	Moment  string `json:"moment"` // of the subject, by its name in the contract: picked_up, sent_ns
	Label   string `json:"label"`  // the moment in words: taken by kthreadd
	What    string `json:"what"`
	How     string `json:"how"`
	Tone    Tone   `json:"tone"`
	// Point marks an event at which no segment begins or ends.
	Point      bool `json:"point"`
	Background bool `json:"background"`
	// Cross marks the end of a task by a signal, on the bar of its life.
	Cross bool `json:"cross,omitempty"`
}

// Link is what an arrow stands for.
type Link string

// The kinds of arrows.
const (
	LinkAsk    Link = "ask"    // from a request to whoever takes it
	LinkFork   Link = "fork"   // from a creator to the new task
	LinkAnswer Link = "answer" // back to whoever waited
	LinkWake   Link = "wake"
	LinkSignal Link = "signal"
	LinkStop   Link = "stop"
	LinkPark   Link = "park"
	LinkWork   Link = "work"
)

// End is one end of an arrow.
type End struct {
	Lane int   `json:"lane"`
	At   int64 `json:"at"`
	Row  int   `json:"row"` // of the segment that begins or ends there
}

// Arrow says that one task acted on another.
type Arrow struct {
	Link    Link   `json:"link"`
	Name    string `json:"name"` // empty for most
	Outcome string `json:"outcome"`
	Tone    Tone   `json:"tone"`
	From    End    `json:"from"`
	To      End    `json:"to"`
	Event   int    `json:"event"` // the event that begins it
}

// Subject is what events are about: one thread, request, signal, module, crash, message, test, process or call.
type Subject struct {
	Kind   string  `json:"kind"` // thread, request, signal, module, crash, message, test, process, call
	Name   string  `json:"name"`
	Fields []Field `json:"fields"` // everything the result says about it, by the names of the contract
	Stacks []Stack `json:"stacks"`
}

// Field is one fact.
type Field struct {
	Name  string `json:"name"`  // by the contract: stages_ns.picked_up
	Words string `json:"words"` // the name for people: taken by kthreadd
	Value string `json:"value"`
}

// Stack is a list of places, innermost first, as indexes of Story.Places.
type Stack struct {
	Name   string `json:"name"` // in words: stack of the requester
	Places []int  `json:"places"`
}

// Place is a place in code, with its source line if the result has it.
type Place struct {
	Text   string        `json:"text"`
	Module bool          `json:"module"` // in a module, not in the kernel itself
	File   string        `json:"file"`
	Line   int           `json:"line"`
	Source []result.Line `json:"source"`
}

// Build makes the story of r. It keeps no reference to r.
func Build(r *result.Result) *Story {
	b := &builder{
		story:  &Story{},
		source: r.Sources,
		places: map[string]int{},
		byPID:  map[int][]int{},
		other:  map[taskKey]int{},

		modules: map[string]int{},
	}
	b.openLives(r)
	for i := range r.Modules {
		b.module(&r.Modules[i])
	}
	for i := range r.Threads {
		b.thread(i, &r.Threads[i])
	}
	for i := range r.Requests {
		b.request(i, &r.Requests[i])
	}
	for i := range r.Signals {
		b.signal(&r.Signals[i])
	}
	b.calls(r.Calls)
	b.tellPrograms(r)
	for i := range r.Crashes {
		b.crash(&r.Crashes[i])
	}
	for i := range r.Messages {
		b.message(&r.Messages[i])
	}
	b.bounds()
	b.closeOpen()
	b.sortEvents()
	b.layRows()
	b.landArrows()
	b.sortLanes()
	return b.story
}

// bounds finds the story's first and last moment. A story that is all background is shown as it is.
func (b *builder) bounds() {
	s := b.story
	seen := false
	for pass := range 2 {
		for _, e := range s.Events {
			if pass == 0 && e.Background {
				continue
			}
			if !seen || e.At < s.Begin {
				s.Begin = e.At
			}
			if !seen || e.At > s.End {
				s.End = e.At
			}
			seen = true
		}
		if seen {
			return
		}
	}
}

// closeOpen ends segments without an end at the end of the story.
func (b *builder) closeOpen() {
	for i := range b.story.Lanes {
		for j := range b.story.Lanes[i].Segments {
			s := &b.story.Lanes[i].Segments[j]
			if s.Open {
				s.End = max(s.Begin, b.story.End)
			}
		}
	}
}

// sortEvents sorts the events by time, and updates what points to them.
func (b *builder) sortEvents() {
	events := b.story.Events
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(events[x].At, events[y].At) })
	sorted, moved := make([]Event, len(events)), make([]int, len(events))
	for to, from := range order {
		sorted[to], moved[from] = events[from], to
	}
	b.story.Events = sorted
	for i, at := range b.story.starts {
		if at >= 0 {
			b.story.starts[i] = moved[at]
		}
	}
	for i := range b.story.Lanes {
		for j := range b.story.Lanes[i].Segments {
			s := &b.story.Lanes[i].Segments[j]
			s.Event = moved[s.Event]
		}
	}
	for i := range b.story.Arrows {
		a := &b.story.Arrows[i]
		a.Event = moved[a.Event]
	}
	slices.SortStableFunc(b.story.Arrows, func(x, y Arrow) int { return cmp.Compare(x.From.At, y.From.At) })
}

// maxRows bounds how many rows of calls a lane can have.
const maxRows = 8

// layRows gives every call the first row below the lane's life that is free. An outer call begins first, so it lies
// above the inner ones.
func (b *builder) layRows() {
	for i := range b.story.Lanes {
		l := &b.story.Lanes[i]
		slices.SortStableFunc(l.Segments, func(x, y Segment) int {
			return cmp.Or(cmp.Compare(x.Begin, y.Begin), cmp.Compare(y.End, x.End))
		})
		life := 0
		if slices.ContainsFunc(l.Segments, isLife) {
			life = 1
		}
		if l.Kind == Kthreadd {
			clip(l.Segments)
		}
		var until []int64 // when each row of calls becomes free
		for j := range l.Segments {
			s := &l.Segments[j]
			if isLife(*s) {
				continue
			}
			row := slices.IndexFunc(until, func(end int64) bool { return end <= s.Begin })
			switch {
			case row >= 0:
			case len(until) < maxRows:
				row = len(until)
				until = append(until, 0)
			default:
				row = maxRows - 1
			}
			until[row] = max(s.End, s.Begin+1)
			s.Row = life + row
		}
		l.Rows = max(1, life+len(until))
	}
}

// clip ends each segment where the next one begins: kthreadd creates one thread after the other, and the first run of a
// thread is only a bound.
func clip(segments []Segment) {
	for i := 1; i < len(segments); i++ {
		before := &segments[i-1]
		before.End = min(before.End, segments[i].Begin)
	}
}

// landArrows finds the rows in which arrows begin and end: that of the innermost segment with an edge at that moment,
// else the lane's first row.
func (b *builder) landArrows() {
	edges := make(map[End]int) // with Row 0 as the key
	for i := range b.story.Lanes {
		for _, s := range b.story.Lanes[i].Segments {
			for _, at := range []int64{s.Begin, s.End} {
				key := End{Lane: i, At: at}
				edges[key] = max(edges[key], s.Row)
			}
		}
	}
	for i := range b.story.Arrows {
		a := &b.story.Arrows[i]
		a.From.Row, a.To.Row = edges[a.From], edges[a.To]
	}
}

// isLife tells the stages of a life from calls.
func isLife(s Segment) bool {
	switch s.Stage {
	case Create, Stop, Park, Ask, Load, Parked, Work, Call, Refused:
		return false
	}
	return true
}

// sortLanes sorts the lanes by their first event, modules last, and drops those in which nothing happened. The
// processes of a test follow it.
func (b *builder) sortLanes() {
	lanes := b.story.Lanes
	order := make([]int, 0, len(lanes))
	for i := range lanes {
		if lanes[i].seen || len(lanes[i].Segments) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return compareLanes(lanes, x, y) })
	moved := make([]int, len(lanes))
	sorted := make([]Lane, len(order))
	for to, from := range order {
		sorted[to], moved[from] = lanes[from], to
	}
	b.story.Lanes = sorted
	for i := range b.story.Events {
		if e := &b.story.Events[i]; e.Lane >= 0 {
			e.Lane = moved[e.Lane]
		}
	}
	for i := range b.story.Arrows {
		a := &b.story.Arrows[i]
		a.From.Lane, a.To.Lane = moved[a.From.Lane], moved[a.To.Lane]
	}
}

func compareLanes(lanes []Lane, x, y int) int {
	a, b := &lanes[x], &lanes[y]
	if (a.Kind == Module) != (b.Kind == Module) {
		if a.Kind == Module {
			return 1
		}
		return -1
	}
	if a.group == b.group && a.group >= 0 {
		return cmp.Or(boolOrder(x != a.group, y != b.group), cmp.Compare(a.first, b.first))
	}
	lead := func(i int) int {
		if g := lanes[i].group; g >= 0 {
			return g
		}
		return i
	}
	x, y = lead(x), lead(y)
	return cmp.Or(cmp.Compare(lanes[x].first, lanes[y].first), cmp.Compare(x, y))
}

// boolOrder puts false first.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
