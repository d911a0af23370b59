// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// Above these numbers the story tells only the sum.
const (
	manyParks = 3
	manyWorks = 3
	manyRefs  = 8
	manyWakes = 3 // of a thread by a process
)

// parkEntries are a thread's stays in kthread_park, and their ends.
func parkEntries(t *result.Thread, name string) []entry {
	if n := len(t.Parks); n > manyParks {
		if when := parkBegan(&t.Parks[0]); when != nil {
			return []entry{at(*when, row{who: name, what: fmt.Sprintf("is parked %d times", n)})}
		}
	}
	var entries []entry
	for i := range t.Parks {
		p := &t.Parks[i]
		if when := parkBegan(p); when != nil {
			entries = append(entries, at(*when, parkRow(t, p, name)))
		}
		if p.UnparkedNS != nil {
			r := row{who: whoever(p.UnparkedBy), what: "kthread_unpark(" + clean(t.Name) + ")"}
			if took, ok := gap(first(p.ParkedNS, p.AskedNS), p.UnparkedNS); ok {
				r.how = "after " + took
			}
			if p.UnparkedBy != nil {
				r.how = join(", ", r.how, inSite(p.UnparkedBy.Site))
			}
			entries = append(entries, at(*p.UnparkedNS, r))
		}
	}
	return entries
}

func parkBegan(p *result.Park) *int64 { return first(p.AskedNS, p.ParkedNS, p.ReturnedNS) }

func parkRow(t *result.Thread, p *result.Park, name string) row {
	if p.AskedNS == nil {
		return row{who: name, what: "is parked"}
	}
	r := row{who: whoever(p.By), what: "kthread_park(" + clean(t.Name) + ")"}
	if took, ok := gap(p.AskedNS, p.ParkedNS); ok {
		r.how = "parked after " + took
	}
	switch took, ok := gap(p.AskedNS, p.ReturnedNS); {
	case p.Ret != nil && *p.Ret != 0:
		r.how, r.color = join(", ", r.how, fmt.Sprintf("returned %d", *p.Ret)), yellow
	case ok:
		r.how = join(", ", r.how, "back after "+took)
	case unknown(t.Unknown, "parks"):
		r.how = join(", ", r.how, "when kthread_park returned is not known")
	default:
		r.how, r.color = join(", ", r.how, "kthread_park did not return"), red
	}
	if p.By != nil {
		r.how = join(", ", r.how, inSite(p.By.Site))
	}
	return r
}

// workEntries are the work items of a kthread_worker, a row each or one row for all.
func workEntries(t *result.Thread, name string) []entry {
	if len(t.Works) > manyWorks {
		return manyWorkEntries(t, name)
	}
	var entries []entry
	for i := range t.Works {
		w := &t.Works[i]
		if when := first(w.QueuedNS, w.StartedNS, w.EndedNS); when != nil {
			entries = append(entries, at(*when, workRow(t, w, name)))
		}
	}
	return entries
}

func workRow(t *result.Thread, w *result.Work, name string) row {
	r := row{who: whoever(w.By), what: fmt.Sprintf("queues work %s to %s", glued(clean(w.Function)), name)}
	if w.QueuedNS == nil {
		r = row{who: name, what: "runs work " + glued(clean(w.Function))}
	}
	if took, ok := gap(w.QueuedNS, w.StartedNS); ok {
		r.how = "started after " + took
	}
	switch took, ok := gap(w.StartedNS, w.EndedNS); {
	case ok:
		r.how = join(", ", r.how, "took "+took)
	case unknown(t.Unknown, "works"):
		r.how = join(", ", r.how, "the rest is not known")
	case w.StartedNS != nil:
		r.how, r.color = join(", ", r.how, "still running"), red
	default:
		r.how, r.color = "not started", yellow
	}
	if w.By != nil {
		r.how = join(", ", r.how, inSite(w.By.Site))
	}
	return r
}

// manyWorkEntries is one row: how many, and the slowest.
func manyWorkEntries(t *result.Thread, name string) []entry {
	var began *int64
	var wait, run int64
	ended := 0
	for i := range t.Works {
		w := &t.Works[i]
		if when := first(w.QueuedNS, w.StartedNS); when != nil && (began == nil || *when < *began) {
			began = when
		}
		if w.QueuedNS != nil && w.StartedNS != nil {
			wait = max(wait, *w.StartedNS-*w.QueuedNS)
		}
		if w.StartedNS != nil && w.EndedNS != nil {
			ended, run = ended+1, max(run, *w.EndedNS-*w.StartedNS)
		}
	}
	if began == nil {
		return nil
	}
	r := row{who: name, what: fmt.Sprintf("%d work items", len(t.Works))}
	r.how = fmt.Sprintf("%d done, longest wait %s, longest run %s", ended, span(wait), span(run))
	if unknown(t.Unknown, "works") {
		r.how = "not all of their stages are recorded"
	} else if ended < len(t.Works) {
		r.color = yellow
	}
	return []entry{at(*began, r)}
}

// refEntries are the references to a module, for -v.
func refEntries(m *result.Module) []entry {
	if m.Background || len(m.Refs) == 0 {
		return nil
	}
	if n := len(m.Refs) + m.RefsBefore; n > manyRefs {
		most := 0
		for _, ref := range m.Refs {
			most = max(most, ref.Count)
		}
		how := fmt.Sprintf("at most %d at once, %d at the end", most, m.Refs[len(m.Refs)-1].Count)
		return []entry{at(m.Refs[0].AtNS,
			row{who: clean(m.Name), what: fmt.Sprintf("%d references taken and dropped", n), how: how})}
	}
	var entries []entry
	for _, ref := range m.Refs {
		verb := "takes a reference to "
		if ref.Put {
			verb = "drops a reference to "
		}
		how := join(", ", fmt.Sprintf("%d now", ref.Count), inSite(ref.By.Site))
		entries = append(entries, at(ref.AtNS, row{who: who(ref.By), what: verb + clean(m.Name), how: how}))
	}
	return entries
}
