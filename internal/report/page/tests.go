// SPDX-License-Identifier: MIT

package page

import (
	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// test is a row of the table of tests, with what is below it.
type test struct {
	Name     string             `json:"name"`
	User     string             `json:"user"`
	Outcome  result.TestOutcome `json:"outcome"`
	Reason   string             `json:"reason"`
	Place    string             `json:"place"` // of the signal that ended it
	MS       float64            `json:"ms"`
	Left     []string           `json:"left"`
	Output   string             `json:"output"`
	Omitted  int64              `json:"omitted"`
	Subtests []result.Subtest   `json:"subtests"`
	Untold   int                `json:"untold"` // subtests that were not read, or for which there is no room
	Event    int                `json:"event"`  // that begins it in the story, or -1
}

// Bounds of what a page shows of all tests together; a single test gets its share of the output.
const (
	maxOutputs  = 1 << 20
	leastOutput = 1 << 10
	mostOutput  = 64 << 10
	maxSubtests = 4000
	maxNotes    = 20 // of a subtest
)

func newTests(r *result.Result, s *lanes.Story) []test {
	room := maxSubtests
	var list []test
	for i := range r.Tests[:min(len(r.Tests), maxList)] {
		t := &r.Tests[i]
		next := test{
			Name: t.Name, User: t.User, Outcome: t.Outcome, Reason: t.Reason, Place: lanes.PlaceWords(t.Place), MS: t.MS,
			Left: t.Left, Omitted: t.Omitted, Untold: t.Untold, Event: s.Starts(i),
		}
		before := room
		next.Subtests = bounded(t.Subtests, &room)
		next.Untold += countAll(t.Subtests) - (before - room)
		list = append(list, next)
	}
	return list
}

// addOutputs gives each test its output, harmless: its beginning and its end, if it is long.
func addOutputs(list []test, r *result.Result) {
	share := min(max(maxOutputs/max(len(r.Tests), 1), leastOutput), mostOutput)
	for i := range list {
		list[i].Output = lanes.Lines(r.Tests[i].Output, share)
	}
}

// bounded copies subtests as long as there is room.
func bounded(list []result.Subtest, room *int) []result.Subtest {
	var all []result.Subtest
	for _, t := range list {
		if *room == 0 {
			break
		}
		*room--
		t.Notes = t.Notes[:min(len(t.Notes), maxNotes)]
		t.Tests = bounded(t.Tests, room)
		all = append(all, t)
	}
	return all
}

func countAll(list []result.Subtest) (n int) {
	for _, t := range list {
		n += 1 + countAll(t.Tests)
	}
	return n
}
