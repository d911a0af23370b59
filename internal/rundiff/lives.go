// SPDX-License-Identifier: MIT

package rundiff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// known reports whether neither of two members lacks a fact because it could not be recorded.
func known(fact string, a, b []string) bool {
	return !slices.Contains(a, fact) && !slices.Contains(b, fact)
}

func (d *differ) modules() {
	background := func(m *result.Module) bool { return m.Background }
	name := func(m *result.Module) string { return m.Name }
	pairs(d, "module", d.a.Modules, d.b.Modules, background, name, func(n string, a, b *result.Module) {
		if known("loaded", a.Unknown, b.Unknown) {
			d.add("module", n, "loaded", a.Loaded, b.Loaded)
		}
		if known("unloaded", a.Unknown, b.Unknown) {
			d.add("module", n, "unloaded", a.Unloaded, b.Unloaded)
		}
		if known("init_ret", a.Unknown, b.Unknown) {
			d.add("module", n, "init_ret", a.InitRet, b.InitRet)
		}
		d.add("module", n, "depends", strings.Join(a.Depends, " "), strings.Join(b.Depends, " "))
		if known("init_ms", a.Unknown, b.Unknown) {
			before, after := int64(a.InitMS*1e6), int64(b.InitMS*1e6)
			d.span("module", n, "time in init", &before, &after)
		}
	})
}

// stage is a stretch of a life that both runs should have.
type stage struct {
	field    string
	from, to *int64
}

func threadStages(t *result.Thread) []stage {
	s := &t.Stages
	return []stage{
		{"picked_up", s.Requested, s.PickedUp}, {"first_run", s.PickedUp, s.FirstRun}, {"woken", s.FirstRun, s.Woken},
		{"function", s.Woken, s.Function},
		{"stop_seen", s.StopAsked, s.StopSeen}, {"exited", s.StopAsked, s.Exited},
		{"stop_returned", s.StopAsked, s.StopReturned},
	}
}

func (d *differ) threads() {
	background := func(t *result.Thread) bool { return t.Background }
	name := func(t *result.Thread) string { return t.Name }
	pairs(d, "thread", d.a.Threads, d.b.Threads, background, name, func(n string, a, b *result.Thread) {
		d.add("thread", n, "function", function(a.Function), function(b.Function))
		d.add("thread", n, "requester", a.Requester.Comm+" "+function(a.Requester.Site),
			b.Requester.Comm+" "+function(b.Requester.Site))
		if a.Ending != "unknown" && b.Ending != "unknown" {
			d.add("thread", n, "ending", a.Ending, b.Ending)
			d.add("thread", n, "result", a.Result, b.Result)
		}
		if known("stops", a.Unknown, b.Unknown) {
			d.add("thread", n, "stops", a.Stops, b.Stops)
		}
		d.stages("thread", n, threadStages(a), threadStages(b), a.Unknown, b.Unknown)
	})
}

// stages compares which stages there were and how long each took.
func (d *differ) stages(kind, name string, a, b []stage, unknownA, unknownB []string) {
	for i := range a {
		if !known(a[i].field, unknownA, unknownB) {
			continue
		}
		d.add(kind, name, a[i].field, seen(a[i].to), seen(b[i].to))
		d.span(kind, name, "time to "+a[i].field, gap(a[i].from, a[i].to), gap(b[i].from, b[i].to))
	}
}

func seen(at *int64) string {
	if at == nil {
		return "never"
	}
	return "seen"
}

func (d *differ) requests() {
	background := func(q *result.Request) bool { return q.Background }
	name := func(q *result.Request) string { return q.Name + " by " + q.By.Comm }
	pairs(d, "request", d.a.Requests, d.b.Requests, background, name, func(n string, a, b *result.Request) {
		if known("returned", a.Unknown, b.Unknown) {
			d.add("request", n, "returned", number(a.Returned), number(b.Returned))
		}
		if known("modules", a.Unknown, b.Unknown) {
			d.add("request", n, "loaded", strings.Join(a.Loaded, " "), strings.Join(b.Loaded, " "))
		}
		if known("helper", a.Unknown, b.Unknown) && known("exit", a.Unknown, b.Unknown) {
			d.add("request", n, "helper", helper(a.Helper), helper(b.Helper))
		}
		d.stages("request", n, requestStages(a), requestStages(b), a.Unknown, b.Unknown)
	})
}

func requestStages(q *result.Request) []stage {
	s := &q.Stages
	return []stage{{"exec", s.Asked, s.Exec}, {"exited", s.Exec, s.Exited}, {"returned", s.Asked, s.Returned}}
}

func number(n *int64) string {
	if n == nil {
		return "nothing"
	}
	return fmt.Sprint(*n)
}

func helper(h *result.Helper) string {
	switch {
	case h == nil:
		return "none"
	case h.NotExecuted:
		return "not executed"
	case h.KilledBy != "":
		return "killed by " + h.KilledBy
	case h.Exit == nil:
		return "runs"
	}
	return fmt.Sprintf("exit %d", *h.Exit)
}

// flow is all signals of one kind between two tasks. Single signals out of many cannot be matched, so it compares how
// many there are, what became of them, and the median time.
type flow struct {
	outcomes map[string]int
	taken    []int64
	n        int
	unknown  bool
}

func (d *differ) signals() {
	a, order := flows(d.a.Signals)
	b, more := flows(d.b.Signals)
	for _, name := range append(order, slices.DeleteFunc(more, func(n string) bool { return a[n] != nil })...) {
		x, y := a[name], b[name]
		switch {
		case x == nil:
			d.add("signal", name, "sent", 0, y.n)
			continue
		case y == nil:
			d.add("signal", name, "sent", x.n, 0)
			continue
		}
		d.add("signal", name, "sent", x.n, y.n)
		if !x.unknown && !y.unknown && x.n == y.n {
			d.add("signal", name, "outcome", x.text(), y.text())
		} else if !x.unknown && !y.unknown {
			d.add("signal", name, "outcome", x.kinds(), y.kinds())
		}
		d.span("signal", name, "median time until taken", median(x.taken), median(y.taken))
	}
}

func flows(signals []result.Signal) (map[string]*flow, []string) {
	by := make(map[string]*flow)
	var order []string
	for i := range signals {
		s := &signals[i]
		if s.Background {
			continue
		}
		name := s.Name
		if s.Outcome == result.NotASignal {
			name = "wake-up"
		}
		name += " from " + s.From.Comm + " to " + s.To.Comm
		f := by[name]
		if f == nil {
			f = &flow{outcomes: make(map[string]int)}
			by[name] = f
			order = append(order, name)
		}
		f.n++
		f.outcomes[string(s.Outcome)]++
		f.unknown = f.unknown || s.Outcome == result.Unknown
		if s.ConsumedNS != nil {
			f.taken = append(f.taken, *s.ConsumedNS-s.SentNS)
		}
	}
	return by, order
}

func (f *flow) text() string {
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(f.outcomes)) {
		parts = append(parts, fmt.Sprintf("%d %s", f.outcomes[o], o))
	}
	return strings.Join(parts, ", ")
}

func (f *flow) kinds() string { return strings.Join(slices.Sorted(maps.Keys(f.outcomes)), ", ") }

func median(list []int64) *int64 {
	if len(list) == 0 {
		return nil
	}
	list = slices.Sorted(slices.Values(list))
	return &list[len(list)/2]
}
