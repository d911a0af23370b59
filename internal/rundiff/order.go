// SPDX-License-Identifier: MIT

package rundiff

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/kmodlab/kmodlab/result"
)

// moment is something that happens once in a run, by its name.
type moment struct {
	name string
	at   int64
}

// maxMoments bounds what is compared; the beginning of a run tells most.
const maxMoments = 20_000

// moments are what threads, modules and requests went through, in order of time.
func moments(r *result.Result) []moment {
	var list []moment
	add := func(name string, at *int64) {
		if at != nil {
			list = append(list, moment{name, *at})
		}
	}
	names, modules := numbered(r.Modules, func(m *result.Module) bool { return m.Background },
		func(m *result.Module) string { return m.Name })
	for _, n := range names {
		add("load of "+n, modules[n].LoadedNS)
		add("end of "+n, modules[n].FreedNS)
	}
	names, threads := numbered(r.Threads, func(t *result.Thread) bool { return t.Background },
		func(t *result.Thread) string { return t.Name })
	for _, n := range names {
		s := &threads[n].Stages
		add("request for "+n, s.Requested)
		add("first run of "+n, s.FirstRun)
		add("wake-up of "+n, s.Woken)
		add("stop of "+n, s.StopAsked)
		add("exit of "+n, s.Exited)
	}
	names, requests := numbered(r.Requests, func(q *result.Request) bool { return q.Background },
		func(q *result.Request) string { return q.Name + " by " + q.By.Comm })
	for _, n := range names {
		add("request_module "+n, requests[n].Stages.Asked)
		add("return of request_module "+n, requests[n].Stages.Returned)
	}
	slices.SortStableFunc(list, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return list[:min(len(list), maxMoments)]
}

// order reports what comes at another place. The largest set that kept its order is the reference; anything else has
// moved, provided it moved by more than noise in both runs.
func (d *differ) order() {
	first, second := moments(d.a), moments(d.b)
	place := make(map[string]int)
	for i, m := range second {
		place[m.name] = i
	}
	first = slices.DeleteFunc(first, func(m moment) bool { _, ok := place[m.name]; return !ok })
	places := make([]int, len(first))
	for i, m := range first {
		places[i] = place[m.name]
	}
	kept := increasing(places)
	for i := range first {
		if !kept[i] && d.moved(first, second, places, kept, i) {
			d.add("order", first[i].name, "comes", before(first, kept, i, places, false), before(first, kept, i, places, true))
		}
	}
}

// moved reports whether in one run a moment precedes another by more than noise, and in the other run follows it.
func (d *differ) moved(first, second []moment, places []int, kept []bool, i int) bool {
	floor := int64(1_000_000)
	if d.Noise.Compared {
		floor = d.Noise.FloorNS
	}
	for j := range first {
		if !kept[j] {
			continue
		}
		was, is := first[i].at-first[j].at, second[places[i]].at-second[places[j]].at
		if was > floor && is < -floor || was < -floor && is > floor {
			return true
		}
	}
	return false
}

// before names what a moment follows, among those that kept their order.
func before(first []moment, kept []bool, i int, places []int, second bool) string {
	at := -1
	for j := range first {
		if !kept[j] {
			continue
		}
		if !second && j < i || second && places[j] < places[i] {
			at = j
		}
	}
	if at < 0 {
		return "first"
	}
	return fmt.Sprintf("after %s", first[at].name)
}

// increasing marks a longest increasing subsequence.
func increasing(list []int) []bool {
	var tails []int // index of the smallest end of a sequence of each length
	from := make([]int, len(list))
	for i, v := range list {
		n := sort.Search(len(tails), func(k int) bool { return list[tails[k]] >= v })
		from[i] = -1
		if n > 0 {
			from[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, i)
		} else {
			tails[n] = i
		}
	}
	kept := make([]bool, len(list))
	if len(tails) > 0 {
		for i := tails[len(tails)-1]; i >= 0; i = from[i] {
			kept[i] = true
		}
	}
	return kept
}
