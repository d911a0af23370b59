// SPDX-License-Identifier: MIT

package lanes

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// builder collects a story. Until sortEvents and sortLanes run, events and lanes are in the order in which they were
// found.
type builder struct {
	story  *Story
	source map[string]result.Source
	places map[string]int // index in story.Places

	threads []int // the lane of each thread, -1 if it was never created
	helpers []int // the lane of each request's helper, or -1
	spans   []lifeSpan
	byPID   map[int][]int // the lives that a pid may belong to, as indexes into spans
	other   map[taskKey]int
	modules map[string]int // the lane of each module, by its short name

	programs programs
}

// taskKey identifies a task that has no life of its own.
type taskKey struct {
	comm string
	pid  int
}

// lifeSpan is the time during which a lane's task had its pid.
type lifeSpan struct {
	lane     int
	from, to int64
}

// openLives makes the lanes of kernel threads, helpers and programs, so that later events can find their actors there.
func (b *builder) openLives(r *result.Result) {
	for i := range r.Threads {
		t := &r.Threads[i]
		if t.PID == 0 {
			b.threads = append(b.threads, -1)
			continue
		}
		lane := b.lane(Short(t.Name), t.PID, Kthread, t.Background)
		b.threads = append(b.threads, lane)
		s := &t.Stages
		b.span(t.PID, lane, earliest(s.PickedUp, s.FirstRun, s.Created, s.Woken, s.Function, s.StopAsked),
			latest(s.Freed, s.Exited))
	}
	for i := range r.Requests {
		q := &r.Requests[i]
		if q.Helper == nil || q.Helper.PID == 0 {
			b.helpers = append(b.helpers, -1)
			continue
		}
		lane := b.lane(Short(helperName(q.Helper)), q.Helper.PID, Helper, q.Background)
		b.helpers = append(b.helpers, lane)
		s := &q.Stages
		b.span(q.Helper.PID, lane, earliest(s.Queued, s.Forked, s.Exec, s.Loaded), latest(s.Exited, s.Waited))
	}
	b.openPrograms(r)
	for _, list := range b.byPID {
		slices.SortStableFunc(list, func(x, y int) int { return cmp.Compare(b.spans[x].from, b.spans[y].from) })
	}
}

func (b *builder) lane(name string, pid int, kind Kind, background bool) int {
	b.story.Lanes = append(b.story.Lanes, Lane{Name: name, PID: pid, Kind: kind, Background: background,
		Subject: -1, group: -1})
	return len(b.story.Lanes) - 1
}

func (b *builder) span(pid, lane int, from, to *int64) {
	s := lifeSpan{lane: lane, from: math.MinInt64, to: math.MaxInt64}
	if from != nil {
		s.from = *from
	}
	if to != nil {
		s.to = *to
	}
	b.byPID[pid] = append(b.byPID[pid], len(b.spans))
	b.spans = append(b.spans, s)
}

// kthreaddPID is the same on every kernel.
const kthreaddPID = 2

// who returns the lane of a task at a moment, -1 if nobody knows who it was. A lane is background as long as everything
// that touches it is.
func (b *builder) who(t *result.Task, at int64, background bool) int {
	if t == nil || t.PID == 0 && t.Comm == "" {
		return -1
	}
	if lane := b.life(t.PID, at); lane >= 0 {
		if !background && b.story.Lanes[lane].Kind == Program {
			b.story.Lanes[lane].Background = false
		}
		return lane
	}
	key := taskKey{t.Comm, t.PID}
	lane, ok := b.other[key]
	if !ok {
		kind := Process
		if t.PID == kthreaddPID {
			kind = Kthreadd
		}
		lane = b.lane(Short(t.Comm), t.PID, kind, true)
		b.other[key] = lane
	}
	if !background {
		b.story.Lanes[lane].Background = false
	}
	return lane
}

// life returns the lane of the thread, helper or program that had a pid at a moment, or -1. A pid is reused only after
// thousands of others, so few lives can cover the moment.
func (b *builder) life(pid int, at int64) int {
	const look = 8
	list := b.byPID[pid]
	after, _ := slices.BinarySearchFunc(list, at, func(i int, at int64) int {
		if b.spans[i].from <= at {
			return -1
		}
		return 1
	})
	for k := after - 1; k >= max(0, after-look); k-- {
		if s := b.spans[list[k]]; at <= s.to {
			return s.lane
		}
	}
	return -1
}

func (b *builder) kthreadd(at int64, background bool) int {
	return b.who(&result.Task{Comm: "kthreadd", PID: kthreaddPID}, at, background)
}

// event adds a moment and returns its index.
func (b *builder) event(e Event) int {
	b.touch(e.Lane, e.At)
	e.Label = label(e.Moment)
	b.story.Events = append(b.story.Events, e)
	return len(b.story.Events) - 1
}

// touch notes that something happened in a lane.
func (b *builder) touch(lane int, at int64) {
	if lane < 0 {
		return
	}
	if l := &b.story.Lanes[lane]; !l.seen || at < l.first {
		l.first, l.seen = at, true
	}
}

// segment adds a stretch from begin to end; end is nil if it continues.
func (b *builder) segment(lane int, stage Stage, name string, begin int64, end *int64, event int) {
	if lane < 0 {
		return
	}
	s := Segment{Stage: stage, Name: name, Brief: brief(stage, name), Begin: begin, Event: event, Open: end == nil}
	if end != nil {
		s.End = max(begin, *end)
	}
	l := &b.story.Lanes[lane]
	if len(l.Segments) == 0 && !l.seen {
		l.first = begin
	}
	l.Segments = append(l.Segments, s)
}

// brief is the part of a segment's name that its colour does not say.
func brief(stage Stage, name string) string {
	short := ""
	switch stage {
	case Create, Stop, Park, Load: // create K1
		_, short, _ = strings.Cut(name, " ")
	case Call, Refused: // ioctl /dev/hw
		short, _, _ = strings.Cut(name, " ")
	case Function, Work: // inc_func [signal_handling]
		short, _, _ = strings.Cut(name, " [")
	case Ask: // request_module("send_signal")
		_, short, _ = strings.Cut(name, "(")
		short = strings.TrimSuffix(short, ")")
	case Created:
		short = "asleep"
	case Ended:
		short = "ended"
	}
	if short == name {
		return ""
	}
	return short
}

// arrow adds an arrow between two tasks that are known and differ.
func (b *builder) arrow(a Arrow) {
	if a.From.Lane >= 0 && a.To.Lane >= 0 && a.From.Lane != a.To.Lane {
		for _, end := range []End{a.From, a.To} { // a target may do nothing itself
			if !b.story.Lanes[end.Lane].seen {
				b.touch(end.Lane, end.At)
			}
		}
		b.story.Arrows = append(b.story.Arrows, a)
	}
}

// subject adds what events are about, with all fields of v, a struct of package result.
func (b *builder) subject(kind, name string, v any) int {
	s := Subject{Kind: kind, Name: name}
	b.describe(&s, v)
	b.story.Subjects = append(b.story.Subjects, s)
	return len(b.story.Subjects) - 1
}

// place returns the index of a place in code.
func (b *builder) place(text string) int {
	if i, ok := b.places[text]; ok {
		return i
	}
	p := Place{Text: Short(text), Module: text != "" && text[len(text)-1] == ']'}
	if s, ok := b.source[text]; ok {
		p.File, p.Line, p.Source = Short(s.File), s.Line, plainLines(s.Source)
	}
	b.story.Places = append(b.story.Places, p)
	b.places[text] = len(b.story.Places) - 1
	return b.places[text]
}

func plainLines(lines []result.Line) []result.Line {
	var plain []result.Line
	for _, l := range lines {
		plain = append(plain, result.Line{Number: l.Number, Text: Short(Untab(l.Text))})
	}
	return plain
}

func earliest(times ...*int64) *int64 {
	var first *int64
	for _, t := range times {
		if t != nil && (first == nil || *t < *first) {
			first = t
		}
	}
	return first
}

func latest(times ...*int64) *int64 {
	var last *int64
	for _, t := range times {
		if t != nil && (last == nil || *t > *last) {
			last = t
		}
	}
	return last
}
