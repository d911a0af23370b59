// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// wakesOf are the wake-ups of a thread, by process.
func wakesOf(t *result.Thread) [][]*result.Wakeup {
	index := make(map[int]int)
	var lists [][]*result.Wakeup
	for i := range t.Wakeups {
		w := &t.Wakeups[i]
		at, ok := index[w.By.PID]
		if !ok {
			at = len(lists)
			index[w.By.PID] = at
			lists = append(lists, nil)
		}
		lists[at] = append(lists[at], w)
	}
	return lists
}

// wakeEntries say which programs woke a thread: a row each time, or one row for all that a process did.
func wakeEntries(t *result.Thread, name string) []entry {
	var entries []entry
	for _, list := range wakesOf(t) {
		if n := wakeups(list); n > manyWakes {
			entries = append(entries, at(list[0].AtNS, row{who: who(list[0].By),
				what: fmt.Sprintf("wakes %s %d times", name, n), how: inSite(sameSite(list))}))
			continue
		}
		for _, w := range list {
			entries = append(entries, at(w.AtNS, row{who: who(w.By), what: "wakes " + name, how: inSite(w.By.Site)}))
		}
	}
	return entries
}

// wakeups is how many there were, listed or not.
func wakeups(list []*result.Wakeup) int {
	n := 0
	for _, w := range list {
		n += 1 + w.Omitted
	}
	return n
}

// sameSite is where all of them came from, "" if from several places.
func sameSite(list []*result.Wakeup) string {
	for _, w := range list {
		if w.By.Site != list[0].By.Site {
			return ""
		}
	}
	return list[0].By.Site
}
