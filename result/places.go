// SPDX-License-Identifier: MIT

package result

import (
	"slices"
	"strings"
)

// Places are the places in modules (function+0x1c [module]) at which tasks acted and through which they came, sorted
// and without duplicates. Sources can say more about each.
func (r *Result) Places() []string {
	seen := map[string]bool{}
	add := func(places ...string) {
		for _, p := range places {
			if strings.HasSuffix(p, "]") && strings.Contains(p, "+0x") {
				seen[p] = true
			}
		}
	}
	task := func(t *Task) {
		if t != nil {
			add(t.Site)
		}
	}
	for i := range r.Modules {
		for j := range r.Modules[i].Refs {
			task(&r.Modules[i].Refs[j].By)
		}
	}
	for i := range r.Threads {
		t := &r.Threads[i]
		task(&t.Requester)
		add(t.Stack...)
		for j := range t.StopCalls {
			task(&t.StopCalls[j].By)
			add(t.StopCalls[j].Stack...)
		}
		for j := range t.Parks {
			task(t.Parks[j].By)
			task(t.Parks[j].UnparkedBy)
		}
		for j := range t.Works {
			task(t.Works[j].By)
		}
		for j := range t.Wakeups {
			task(&t.Wakeups[j].By)
		}
	}
	for i := range r.Requests {
		task(&r.Requests[i].By)
		add(r.Requests[i].Stack...)
	}
	for i := range r.Failures {
		add(r.Failures[i].Site)
	}
	for i := range r.Exits {
		add(r.Exits[i].Site)
	}
	for i := range r.Signals {
		task(&r.Signals[i].From)
		add(r.Signals[i].Site)
	}
	places := make([]string, 0, len(seen))
	for p := range seen {
		places = append(places, p)
	}
	slices.Sort(places)
	return places
}
