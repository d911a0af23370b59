// SPDX-License-Identifier: MIT

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// row is one line of the story before it is laid out: when, who, what, and how
// it went. A row without a time continues the one above it.
type row struct {
	at    int64
	timed bool
	who   string
	what  string
	how   string
	color color
}

// entry is a row with those that belong below it.
type entry struct {
	at   int64
	rows []row
}

// story is everything that happened, in the order of time.
func story(r *result.Result, background bool) []row {
	var all []entry
	add := func(hidden bool, es []entry) {
		if !hidden || background {
			all = append(all, es...)
		}
	}
	for i := range r.Modules {
		add(r.Modules[i].Background, moduleEntries(&r.Modules[i]))
	}
	for i := range r.Threads {
		add(r.Threads[i].Background, threadEntries(&r.Threads[i]))
	}
	for i := range r.Requests {
		add(r.Requests[i].Background, requestEntries(&r.Requests[i]))
	}
	for i := range r.Signals {
		add(r.Signals[i].Background, []entry{signalEntry(&r.Signals[i])})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	var rows []row
	for _, e := range all {
		rows = append(rows, e.rows...)
	}
	return rows
}

// at makes an entry of a first row and its continuations.
func at(ns int64, first row, more ...row) entry {
	first.at, first.timed = ns, true
	return entry{ns, append([]row{first}, more...)}
}

func who(t result.Task) string {
	switch {
	case t.Comm == "" && t.PID == 0:
		return "?"
	case t.Comm == "":
		return fmt.Sprintf("?[%d]", t.PID)
	}
	return fmt.Sprintf("%s[%d]", clean(t.Comm), t.PID)
}

func whoever(t *result.Task) string {
	if t == nil {
		return "?"
	}
	return who(*t)
}

func inSite(site string) string {
	if site == "" {
		return ""
	}
	return "in" + glue + glued(clean(site))
}

// join strings the parts that are there.
func join(sep string, parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, sep)
}

// glued keeps a place in code or a time on one line.
func glued(s string) string { return strings.ReplaceAll(s, " ", glue) }

func span(ns int64) string { return glued(timeline.Span(ns)) }

// gap is the time between two moments, "" when one of them was not seen.
func gap(from, to *int64) (string, bool) {
	if from == nil || to == nil {
		return "", false
	}
	return span(max(0, *to-*from)), true
}

func moduleEntries(m *result.Module) []entry {
	var entries []entry
	if m.LoadedNS != nil {
		r := row{who: whoever(m.By), what: "finit_module " + clean(m.Name)}
		r.how = "init " + span(int64(m.InitMS*1e6)) + fmt.Sprintf(", returned %d", m.InitRet)
		if m.InitRet < 0 {
			r.color = red
		} else if !m.Loaded {
			r.how, r.color = "init did not return", red
		}
		if len(m.Depends) > 0 {
			r.how += ", needs " + clean(strings.Join(m.Depends, ", "))
		}
		entries = append(entries, at(*m.LoadedNS, r))
	}
	if m.FreedNS != nil {
		r := row{who: whoever(m.FreedBy), what: "delete_module " + clean(m.Name), how: "gone"}
		if !m.Loaded {
			r.what, r.how = "drops "+clean(m.Name), "its init failed"
		}
		entries = append(entries, at(*m.FreedNS, r))
	}
	return entries
}

func threadEntries(t *result.Thread) []entry {
	var entries []entry
	s := &t.Stages
	name := fmt.Sprintf("%s[%d]", clean(t.Name), t.PID)
	life := row{who: name, what: threadStages(t)}
	if t.Inexact {
		life.how = "(joined by function and argument alone)"
	}
	switch {
	case s.Requested != nil:
		ask := row{who: who(t.Requester), what: "asks for kthread " + clean(t.Name), how: inSite(t.Requester.Site)}
		if t.PID == 0 {
			ask.how, ask.color = join(", ", ask.how, clean(t.Ended)), red
			entries = append(entries, at(*s.Requested, ask))
			break
		}
		entries = append(entries, at(*s.Requested, ask, life))
	case first(s.PickedUp, s.FirstRun, s.Created, s.Woken, s.Function) != nil:
		entries = append(entries, at(*first(s.PickedUp, s.FirstRun, s.Created, s.Woken, s.Function), life))
	}
	if s.StopAsked != nil {
		entries = append(entries, stopEntry(t, name))
	}
	if s.Exited != nil && (s.StopAsked == nil || *s.Exited < *s.StopAsked) {
		entries = append(entries, at(*s.Exited, row{who: name, what: clean(t.Ended), how: "by itself"}))
	}
	return entries
}

func first(times ...*int64) *int64 {
	for _, t := range times {
		if t != nil {
			return t
		}
	}
	return nil
}

// threadStages is the chain from request to threadfn, each stage with the time
// since the one before that was seen.
func threadStages(t *result.Thread) string {
	s := &t.Stages
	var parts []string
	last := s.Requested
	for _, stage := range []struct {
		name string
		at   *int64
	}{{"kthreadd", s.PickedUp}, {"first run", s.FirstRun}, {"woken", s.Woken}} {
		if took, ok := gap(last, stage.at); ok {
			parts = append(parts, glued(stage.name)+glue+took)
		}
		if stage.at != nil {
			last = stage.at
		}
	}
	function := glued(clean(t.Function))
	if s.Function == nil {
		function += glue + "not called"
	} else if took, ok := gap(last, s.Function); ok {
		function += glue + took
	}
	return strings.Join(append(parts, function), " > ")
}

func stopEntry(t *result.Thread, name string) entry {
	s := &t.Stages
	var how []string
	if took, ok := gap(s.StopAsked, s.StopSeen); ok && *s.StopSeen >= *s.StopAsked {
		how = append(how, "seen after "+took)
	}
	c := color("")
	switch {
	case s.Exited == nil:
		how, c = append(how, clean(t.Ended)), red
	case *s.Exited < *s.StopAsked:
		how = append(how, "it had ended already")
	default:
		took, _ := gap(s.StopAsked, s.Exited)
		how = append(how, clean(t.Ended)+" after "+took)
	}
	if took, ok := gap(s.StopAsked, s.StopReturned); ok {
		how = append(how, "back after "+took)
	} else {
		how, c = append(how, "kthread_stop did not return"), red
	}
	what := "kthread_stop(" + clean(t.Name) + ")"
	if t.Stops > 1 {
		what, c = what+fmt.Sprintf(" ×%d", t.Stops), yellow
	}
	if t.StoppedBy != nil && t.StoppedBy.Site != "" {
		how = append(how, inSite(t.StoppedBy.Site))
	}
	return at(*s.StopAsked, row{who: whoever(t.StoppedBy), what: what, how: strings.Join(how, ", "), color: c})
}

func requestEntries(q *result.Request) []entry {
	began := first(q.Stages.Asked, q.Stages.Throttled, q.Stages.Queued, q.Stages.Forked, q.Stages.Exec, q.Stages.Returned)
	if began == nil {
		return nil
	}
	what := "request_module"
	if !q.Wait {
		what = "request_module_nowait"
	}
	ask := row{who: who(q.By), what: fmt.Sprintf(`%s("%s")`, what, clean(q.Name))}
	switch took, ok := gap(q.Stages.Asked, q.Stages.Returned); {
	case q.Returned == nil:
		ask.how, ask.color = "still waits", red
	case ok:
		ask.how = fmt.Sprintf("returned %d after %s: %s", *q.Returned, took, q.Meaning)
	default:
		ask.how = fmt.Sprintf("returned %d: %s", *q.Returned, q.Meaning)
	}
	if q.Returned != nil && *q.Returned != 0 {
		ask.color = yellow
	}
	ask.how = join(", ", ask.how, inSite(q.By.Site))
	var more []row
	if q.Helper != nil {
		more = append(more, helperRow(q))
	}
	return []entry{at(*began, ask, more...)}
}

func helperRow(q *result.Request) row {
	h := q.Helper
	r := row{who: fmt.Sprintf("modprobe[%d]", h.PID), what: clean(strings.Join(h.Argv, " "))}
	if h.PID == 0 {
		r.who = "(not run)"
	}
	if r.what == "" {
		r.what = clean(h.Path)
	}
	var how []string
	if took, ok := gap(first(q.Stages.Queued, q.Stages.Asked), q.Stages.Exec); ok {
		how = append(how, "runs after "+took)
	}
	switch {
	case h.Exit != nil:
		how = append(how, fmt.Sprintf("exit %d", *h.Exit))
		if *h.Exit != 0 {
			r.color = yellow
		}
	case h.PID != 0:
		how = append(how, "still runs")
	}
	if len(q.Loaded) > 0 {
		how = append(how, "loaded "+clean(strings.Join(q.Loaded, ", ")))
	}
	r.how = strings.Join(how, ", ")
	return r
}

func signalEntry(s *result.Signal) entry {
	what := clean(s.Name) + " to " + who(s.To)
	if s.Outcome == result.NotASignal {
		what = "wakes " + who(s.To) + " without a signal"
	}
	how := string(s.Outcome)
	if s.ConsumedNS != nil && s.Outcome != result.NotASignal {
		how += " after " + span(max(0, *s.ConsumedNS-s.SentNS))
	}
	how = join(" ", how, inSite(s.Site))
	if s.Reason != "" && s.Reason != timeline.Dequeued {
		how += ": " + clean(s.Reason)
	}
	return at(s.SentNS, row{who: who(s.From), what: what, how: how, color: outcomeColor(s.Outcome)})
}

func outcomeColor(o result.Outcome) color {
	switch o {
	case result.Consumed, result.Delivered:
		return green
	case result.LostSignal:
		return red
	}
	return yellow
}
