// SPDX-License-Identifier: MIT

package perfetto

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// kind is the kind of an actor; each is a process of the trace.
type kind uint64

const (
	runKind kind = iota + 1
	moduleKind
	threadKind
	taskKind
	helperKind
	testKind
	backgroundKind
	numKinds
)

func (k kind) String() string {
	return [...]string{"", "kmodlab", "modules", "kernel threads", "tasks", "helpers", "tests", "background"}[k]
}

// pid is a number that no task of the guest can have: the kernel's limit for pids is 1<<22.
func (k kind) pid() uint64 { return 1<<22 + uint64(k) }

// field is a debug annotation; it holds a number if it has no text.
type field struct {
	name   string
	text   string
	number int64
}

// entry is a slice (with an end, or open) or an instant.
type entry struct {
	at, end         int64
	instant, open   bool
	name            string
	fields          []field
	flows, flowEnds []uint64
}

// count is a point of a counter.
type count struct{ at, value int64 }

// track is a line of the trace.
type track struct {
	uuid    uint64
	kind    kind
	name    string
	counter bool
	entries []*entry
	counts  []count
}

// model is the whole trace before it is written.
type model struct {
	tracks []*track
	byKey  map[trackKey]*track
	flow   uint64
	end    int64 // the latest moment
}

// trackKey identifies a track: which aspect of which actor. n separates tasks that had the same name and pid.
type trackKey struct {
	kind kind
	name string
	pid  int
	n    int
	what string
}

func (m *model) track(key trackKey, name string) *track {
	if t := m.byKey[key]; t != nil {
		return t
	}
	t := &track{uuid: uint64(len(m.tracks)) + uint64(numKinds), kind: key.kind, name: bounded(name, maxName)}
	m.tracks = append(m.tracks, t)
	m.byKey[key] = t
	return t
}

// newFlow is the number of an arrow.
func (m *model) newFlow() uint64 { m.flow++; return m.flow }

func (m *model) slice(t *track, from, to int64, name string, fields ...field) *entry {
	e := &entry{at: from, end: max(from, to), name: bounded(name, maxName), fields: some(fields)}
	t.entries = append(t.entries, e)
	m.end = max(m.end, e.end)
	return e
}

// call is a slice that may have no end.
func (m *model) call(t *track, from int64, to *int64, name string, fields ...field) *entry {
	if to != nil {
		return m.slice(t, from, *to, name, fields...)
	}
	e := m.slice(t, from, from, name, fields...)
	e.open = true
	return e
}

func (m *model) instant(t *track, at int64, name string, fields ...field) *entry {
	e := m.slice(t, at, at, name, fields...)
	e.instant = true
	return e
}

// arrow draws a flow from one entry to another.
func (m *model) arrow(from, to *entry) {
	if from == nil || to == nil {
		return
	}
	id := m.newFlow()
	from.flows = append(from.flows, id)
	to.flowEnds = append(to.flowEnds, id)
}

// earliest is the first moment of the trace, at most 0.
func (m *model) earliest() int64 {
	first := int64(0)
	for _, t := range m.tracks {
		for _, e := range t.entries {
			first = min(first, e.at)
		}
		for _, c := range t.counts {
			first = min(first, c.at)
		}
	}
	return max(first, math.MinInt64/4)
}

// some drops fields without a value.
func some(fields []field) []field {
	return slices.DeleteFunc(fields, func(f field) bool { return f.name == "" })
}

func word(name, value string) field {
	if value == "" {
		return field{}
	}
	return field{name: name, text: bounded(value, maxValue)}
}

func number(name string, value int64) field { return field{name: name, number: value} }

func maybe(name string, value *int64) field {
	if value == nil {
		return field{}
	}
	return number(name, *value)
}

// marks appends the track's packets. Slices that overlap without nesting cannot share a line: the later one is cut
// short at the end of the earlier one.
func (t *track) marks(list []mark) []mark {
	for _, c := range t.counts {
		list = append(list, mark{at: c.at, kind: typeCounter, track: t.uuid, value: c.value})
	}
	slices.SortStableFunc(t.entries, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.at, b.at), compareEnds(a, b))
	})
	var open []*entry
	closeUntil := func(at int64) {
		for n := len(open); n > 0 && !open[n-1].open && open[n-1].end <= at; n = len(open) {
			list = append(list, mark{at: open[n-1].end, kind: typeEnd, track: t.uuid})
			open = open[:n-1]
		}
	}
	for _, e := range t.entries {
		closeUntil(e.at)
		if e.instant {
			list = append(list, mark{at: e.at, kind: typeInstant, track: t.uuid, what: e})
			continue
		}
		if n := len(open); n > 0 && !open[n-1].open && (e.open || e.end > open[n-1].end) {
			e.end, e.open = open[n-1].end, false
		}
		list = append(list, mark{at: e.at, kind: typeBegin, track: t.uuid, what: e})
		open = append(open, e)
		closeUntil(e.at) // slices without length
	}
	closeUntil(math.MaxInt64)
	return list
}

// compareEnds puts the longer of two slices that begin together around the shorter, and instants first.
func compareEnds(a, b *entry) int {
	rank := func(e *entry) int64 {
		switch {
		case e.instant:
			return math.MaxInt64
		case e.open:
			return math.MaxInt64 - 1
		}
		return e.end
	}
	return cmp.Compare(rank(b), rank(a))
}

// build makes the tracks of a result.
func build(r *result.Result) *model {
	m := &model{byKey: make(map[trackKey]*track)}
	b := &builder{model: m, lives: make(map[taskKey][]*life), programs: make(map[int][]*program)}
	b.tests(r)
	for i := range r.Threads {
		b.thread(i, &r.Threads[i])
	}
	for i := range r.Modules {
		b.module(&r.Modules[i])
	}
	for i := range r.Requests {
		b.request(&r.Requests[i])
	}
	for i := range r.Signals {
		b.signal(&r.Signals[i])
	}
	for i := range r.Messages {
		b.message(&r.Messages[i])
	}
	v := &r.Verdict
	b.instant(m.track(trackKey{kind: runKind}, "verdict"), m.end, string(v.Class)+": "+v.Message,
		word("class", string(v.Class)), word("message", v.Message), word("hint", v.Hint), word("kernel", r.Machine.Kernel),
		word("name", r.Machine.Name), word("accel", r.Machine.Accel),
		number("lost_records", int64(min(r.Dropped.Total, math.MaxInt64))))
	return m
}

// Bounds of texts, in bytes as they come from the guest, as in the page. The trace processor loads longer ones, but
// then cannot answer queries about them.
const (
	maxName  = 256
	maxValue = 8 << 10
)

// bounded makes a text harmless. A very long one keeps its beginning and a note of its length.
func bounded(s string, limit int) string {
	if len(s) <= limit {
		return report.Printable(s)
	}
	cut := limit
	for limit-cut < utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return report.Printable(s[:cut]) + fmt.Sprintf("… (%d bytes)", len(s))
}
