// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// firstAlike is how many alike entries the story shows one by one, if it is not verbose: a test that forks without end
// has a thousand processes, and each is killed.
const firstAlike = 20

// firstOf makes entries of a list. Of those that are alike it makes the first ones, and a note about the others.
func firstOf[T any, K comparable](
	list []*T, kind func(*T) K, all bool, show func(*T) entry, note func(first *T, n int) entry,
) []entry {
	total, seen := make(map[K]int), make(map[K]int)
	for _, v := range list {
		total[kind(v)]++
	}
	var entries []entry
	for _, v := range list {
		k := kind(v)
		switch seen[k]++; {
		case all || seen[k] <= firstAlike || total[k] == firstAlike+1:
			entries = append(entries, show(v))
		case seen[k] == firstAlike+1:
			entries = append(entries, note(v, total[k]-firstAlike))
		}
	}
	return entries
}

// signalEntries are the signals.
func signalEntries(r *result.Result, verbose bool) []entry {
	type alike struct {
		from, signal int
		outcome      result.Outcome
	}
	var list []*result.Signal
	for i := range r.Signals {
		if s := &r.Signals[i]; !s.Background || verbose {
			list = append(list, s)
		}
	}
	of := func(s *result.Signal) alike { return alike{s.From.PID, s.Signo, s.Outcome} }
	return firstOf(list, of, verbose, func(s *result.Signal) entry {
		return signalEntry(s, verbose)
	}, func(s *result.Signal, n int) entry {
		return at(s.SentNS, row{who: who(s.From), what: fmt.Sprintf("… sends %d more %s (-v and --json list them all)", n,
			clean(s.Name))})
	})
}
