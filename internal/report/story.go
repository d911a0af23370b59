// SPDX-License-Identifier: MIT

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// row is one line of the story before layout: when, who, what, and how it went. A row without a time continues the one
// above it.
type row struct {
	at    int64
	timed bool
	who   string
	what  string
	how   string
	color color
}

// entry is a row and the rows that belong below it.
type entry struct {
	at   int64
	rows []row
}

// story is everything that happened, in order of time. With background (-v) it includes what most readers can do
// without.
func story(r *result.Result, background bool) []row {
	var all []entry
	add := func(hidden bool, es []entry) {
		if !hidden || background {
			all = append(all, es...)
		}
	}
	for i := range r.Modules {
		add(r.Modules[i].Background, moduleEntries(&r.Modules[i]))
		add(!background, refEntries(&r.Modules[i]))
	}
	for i := range r.Threads {
		add(r.Threads[i].Background, threadEntries(&r.Threads[i], background))
	}
	for i := range r.Requests {
		add(r.Requests[i].Background, requestEntries(&r.Requests[i], background))
	}
	add(false, signalEntries(r, background))
	add(false, messageEntries(r, background))
	add(false, testEntries(r, background))
	add(false, callEntries(r, background))
	add(false, failureEntries(r.Failures))
	add(false, exitEntries(r.Exits))
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	var rows []row
	for _, e := range all {
		rows = append(rows, e.rows...)
	}
	return rows
}

// at makes an entry from a first row and its continuations.
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

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, sep)
}

// glued keeps a place in code or a time on one line.
func glued(s string) string { return strings.ReplaceAll(s, " ", glue) }

func span(ns int64) string { return glued(timeline.Span(ns)) }

// gap is the time between two moments, "" if one of them was not seen.
func gap(from, to *int64) (string, bool) {
	if from == nil || to == nil {
		return "", false
	}
	return span(max(0, *to-*from)), true
}

func moduleEntries(m *result.Module) []entry {
	var entries []entry
	if m.LoadedNS != nil {
		entries = append(entries, at(*m.LoadedNS, loadRow(m)))
	}
	if m.FreedNS != nil {
		r := row{who: whoever(m.FreedBy), what: "delete_module " + clean(m.Name), how: "gone"}
		switch {
		case unknown(m.Unknown, "loaded"):
			r.what = "drops " + clean(m.Name)
		case !m.Loaded && m.LoadedNS != nil:
			r.what, r.how = "drops "+clean(m.Name), "its init failed"
		}
		entries = append(entries, at(*m.FreedNS, r))
	}
	return entries
}

func loadRow(m *result.Module) row {
	r := row{who: whoever(m.By), what: "finit_module " + clean(m.Name)}
	switch {
	case unknown(m.Unknown, "init_ret") && unknown(m.Unknown, "loaded"):
		r.how, r.color = "the return value of its init is not known", yellow
	case m.InitRet < 0:
		r.how, r.color = initTook(m)+fmt.Sprintf(", returned %d", m.InitRet), red
	case !m.Loaded:
		r.how, r.color = "init did not return", red
	default:
		r.how = initTook(m) + fmt.Sprintf(", returned %d", m.InitRet)
	}
	if len(m.Depends) > 0 {
		r.how += ", needs " + clean(strings.Join(m.Depends, ", "))
	}
	return r
}

func initTook(m *result.Module) string {
	if unknown(m.Unknown, "init_ms") {
		return "init"
	}
	return "init " + span(int64(m.InitMS*1e6))
}

// unknown reports whether a fact is missing because nothing could record it.
func unknown(list []string, fact string) bool { return slices.Contains(list, fact) }

func threadEntries(t *result.Thread, verbose bool) []entry {
	var entries []entry
	s := &t.Stages
	name := fmt.Sprintf("%s[%d]", clean(t.Name), t.PID)
	life := row{who: name, what: threadStages(t), how: lifeNotes(t, verbose)}
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
	for i := range stopCalls(t) {
		entries = append(entries, stopEntry(t, i, name))
	}
	if s.Exited != nil && (s.StopAsked == nil || *s.Exited < *s.StopAsked) {
		end := row{who: name, what: clean(t.Ended), how: "by itself"}
		switch timeline.Ending(t.Ending) {
		case timeline.EndUnknown, timeline.EndKilled, timeline.EndCrashed:
			end.how = ""
		}
		entries = append(entries, at(*s.Exited, end))
	}
	entries = append(entries, parkEntries(t, name)...)
	entries = append(entries, wakeEntries(t, name)...)
	return append(entries, workEntries(t, name)...)
}

// lifeNotes is whatever else there is to say about a thread's birth.
func lifeNotes(t *result.Thread, verbose bool) string {
	var notes []string
	if t.Inexact {
		notes = append(notes, "(matched by function and argument only)")
	}
	if verbose && t.CPU != nil {
		notes = append(notes, fmt.Sprintf("bound to CPU %d", *t.CPU))
	}
	if verbose && t.Node != nil {
		notes = append(notes, fmt.Sprintf("memory of node %d", *t.Node))
	}
	return strings.Join(notes, ", ")
}

func first(times ...*int64) *int64 {
	for _, t := range times {
		if t != nil {
			return t
		}
	}
	return nil
}

// threadStages is the chain from request to threadfn, each stage with the time since the previous one that was seen.
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
	if s.Function == nil && unknown(t.Unknown, "function") {
		function += glue + "(its call is not recorded)"
	} else if s.Function == nil {
		function += glue + "not called"
	} else if took, ok := gap(last, s.Function); ok {
		function += glue + took
	}
	return strings.Join(append(parts, function), " > ")
}

// stopCalls are the calls of kthread_stop. Reports of the first versions only have the first call.
func stopCalls(t *result.Thread) []result.Stop {
	if len(t.StopCalls) == 0 && t.Stages.StopAsked != nil {
		by := result.Task{}
		if t.StoppedBy != nil {
			by = *t.StoppedBy
		}
		return []result.Stop{{By: by, AskedNS: *t.Stages.StopAsked, ReturnedNS: t.Stages.StopReturned, Ret: t.StopRet}}
	}
	return t.StopCalls
}

// stopEntry is the i-th kthread_stop of a thread.
func stopEntry(t *result.Thread, i int, name string) entry {
	s, stop := &t.Stages, stopCalls(t)[i]
	asked := &stop.AskedNS
	var how []string
	c := color("")
	if took, ok := gap(asked, s.StopSeen); ok && *s.StopSeen >= stop.AskedNS && i == 0 {
		how = append(how, "seen after "+took)
	}
	switch {
	case s.Exited != nil && *s.Exited < stop.AskedNS:
		how = append(how, "it had already ended")
	case i > 0:
	case s.Exited != nil:
		took, _ := gap(asked, s.Exited)
		how = append(how, clean(t.Ended)+" after "+took)
	default:
		how = append(how, clean(t.Ended))
		if t.Alive {
			c = red
		}
	}
	switch took, ok := gap(asked, stop.ReturnedNS); {
	case ok && i > 0 && stop.Ret != nil:
		how = append(how, fmt.Sprintf("back after %s with %d", took, *stop.Ret))
	case ok:
		how = append(how, "back after "+took)
	case unknown(t.Unknown, "stop_returned") || t.Ending == string(timeline.EndUnknown):
		how, c = append(how, "when kthread_stop returned is not known"), yellow
	default:
		how, c = append(how, "kthread_stop did not return"), red
	}
	what := "kthread_stop(" + clean(t.Name) + ")"
	if i > 0 {
		what, c = what+" again", yellow
	}
	how = append(how, inSite(stop.By.Site))
	return at(stop.AskedNS, row{who: who(stop.By), what: what, how: join(", ", how...), color: c})
}

func requestEntries(q *result.Request, verbose bool) []entry {
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
	case q.Returned == nil && unknown(q.Unknown, "returned"):
		ask.how, ask.color = "its return value is not known", yellow
	case q.Returned == nil:
		ask.how, ask.color = "still waiting", red
	case ok:
		ask.how = fmt.Sprintf("returned %d after %s: %s", *q.Returned, took, clean(q.Meaning))
	default:
		ask.how = fmt.Sprintf("returned %d: %s", *q.Returned, clean(q.Meaning))
	}
	if q.Returned != nil && *q.Returned != 0 {
		ask.color = yellow
	}
	ask.how = join(", ", ask.how, throttled(q, verbose), inSite(q.By.Site))
	var more []row
	switch {
	case q.Helper != nil:
		more = append(more, helperRow(q))
		if verbose && len(q.Helper.Env) > 0 {
			more = append(more, row{what: "with " + clean(strings.Join(q.Helper.Env, " "))})
		}
	case unknown(q.Unknown, "helper"):
		more = append(more, row{who: "modprobe[?]", what: "its helper is not recorded"})
	}
	return []entry{at(*began, ask, more...)}
}

// throttled says how long the limiter delayed a request, if that is worth mentioning.
func throttled(q *result.Request, verbose bool) string {
	const worth = int64(time.Millisecond)
	if q.ThrottledNS == nil || *q.ThrottledNS < worth && !verbose {
		return ""
	}
	return "throttled for " + span(*q.ThrottledNS)
}

func helperRow(q *result.Request) row {
	h := q.Helper
	r := row{who: fmt.Sprintf("modprobe[%d]", h.PID), what: clean(strings.Join(h.Argv, " "))}
	switch {
	case h.PID == 0 && unknown(q.Unknown, "pid"):
		r.who = "modprobe[?]"
	case h.PID == 0:
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
	case h.NotExecuted:
		how, r.color = append(how, "could not be executed"), yellow
	case h.KilledBy != "":
		how, r.color = append(how, "killed by "+clean(h.KilledBy)), yellow
	case h.Exit != nil:
		how = append(how, fmt.Sprintf("exit %d", *h.Exit))
		if *h.Exit != 0 {
			r.color = yellow
		}
	case unknown(q.Unknown, "exit"):
		how = append(how, "how it ended is not known")
	case h.PID != 0:
		how = append(how, "still running")
	}
	if len(q.Loaded) > 0 {
		how = append(how, "loaded "+clean(strings.Join(q.Loaded, ", ")))
	}
	for _, m := range q.Modules {
		if m.InitRet != nil && *m.InitRet < 0 {
			how = append(how, fmt.Sprintf("the init of %s returned %d", clean(m.Name), *m.InitRet))
		}
	}
	r.how = strings.Join(how, ", ")
	return r
}

func signalEntry(s *result.Signal, verbose bool) entry {
	what := clean(s.Name) + " to " + who(s.To)
	if s.Syscall != "" {
		what += " (" + clean(s.Syscall) + ")"
	}
	if s.Outcome == result.NotASignal {
		what = "wakes " + who(s.To) + " without a signal"
	}
	how := clean(string(s.Outcome))
	if s.ConsumedNS != nil && s.Outcome != result.NotASignal && !unknown(s.Unknown, "sent_ns") {
		how += " after " + span(max(0, *s.ConsumedNS-s.SentNS))
	}
	how = join(" ", how, inSite(s.Site))
	if s.Reason != "" && s.Reason != timeline.Dequeued {
		how += ": " + clean(s.Reason)
	}
	first := row{who: who(s.From), what: what, how: how, color: outcomeColor(s.Outcome)}
	switch {
	case s.Outcome == result.NotASignal:
	case verbose:
		return at(s.SentNS, first, senderRow(s)...)
	case s.From.PID == 0 && s.Sender == string(timeline.FromModule): // not by the idle task, but in an interrupt
		return at(s.SentNS, first, row{what: "sent " + inSite(s.From.Site)})
	}
	return at(s.SentNS, first)
}

// senderRow says, for -v, where a signal was sent from and with which siginfo.
func senderRow(s *result.Signal) []row {
	var parts []string
	if s.From.Site != "" {
		parts = append(parts, "sent "+inSite(s.From.Site))
	}
	if i := s.Siginfo; i != nil {
		parts = append(parts, clean(i.Name))
		if i.PID != 0 || i.UID != 0 {
			parts = append(parts, fmt.Sprintf("si_pid %d, si_uid %d", i.PID, i.UID))
		}
	}
	if s.TargetState != "" && s.TargetState != "running" {
		parts = append(parts, "to a task in "+article(clean(s.TargetState)))
	}
	if len(parts) == 0 {
		return nil
	}
	return []row{{what: strings.Join(parts, ", ")}}
}

func article(s string) string {
	if s != "" && strings.ContainsRune("aeiou", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
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
