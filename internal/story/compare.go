// SPDX-License-Identifier: MIT

package story

import (
	"slices"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// Line is one event of a story, in words. Its texts are harmless, and must still be escaped for the document they go
// into.
type Line struct {
	AtNS int64
	Who  string // the task, with its pid; empty if nobody knows
	What string
	How  string

	key  string // what the event is, without names and numbers that differ from run to run
	says string // what it says beyond that
}

// Lines are the events of a story, in order of time. more is how many have no room.
func Lines(r *result.Result) (lines []Line, more int) {
	s := lanes.Build(r)
	for i := range s.Events {
		e := &s.Events[i]
		if e.Background {
			continue
		}
		if len(lines) == maxLines {
			more++
			continue
		}
		lines = append(lines, lineOf(s, e))
	}
	return lines, more
}

// maxLines bounds the story that is shown, and the time to compare two of them, which grows with its square.
const maxLines = 600

func lineOf(s *lanes.Story, e *lanes.Event) Line {
	l := Line{AtNS: e.At, What: e.What, How: e.How}
	name := ""
	if e.Lane >= 0 {
		l.Who, name = s.Lanes[e.Lane].Title(), s.Lanes[e.Lane].Name
	}
	subject := &s.Subjects[e.Subject]
	l.key = subject.Kind + "\x00" + pids.ReplaceAllString(subject.Name, "") + "\x00" + e.Moment
	l.says = name + "\x00" + pids.ReplaceAllString(e.What, "")
	return l
}

// pids matches what names a task in the texts of lanes.
var pids = lazyregexp.New(`\[\d+\]`)

// Mark says how a line of one story stands to the other.
type Mark string

// The marks.
const (
	Same    Mark = "same"
	Differs Mark = "differs" // both have it, and it says something else
	Missing Mark = "missing" // only the right story has it
	More    Mark = "more"    // only theirs has it
	Moved   Mark = "moved"   // both have it, in another order
)

// Pair is a row of two stories side by side. One side may be nil.
type Pair struct {
	Theirs, Right *Line
	Mark          Mark
}

// Comparison is two stories side by side.
type Comparison struct {
	Pairs []Pair
	// Shown are all lines of both, but for these, which have no room.
	TheirsMore, RightMore int
}

// Differing counts the rows that are not the same.
func (c *Comparison) Differing() int {
	n := 0
	for _, p := range c.Pairs {
		if p.Mark != Same {
			n++
		}
	}
	return n
}

// Compare puts the story of a run beside the right one. Both are compared as stories: what Of leaves out is no
// difference.
func Compare(theirs, right *result.Result) *Comparison {
	c := &Comparison{}
	var a, b []Line
	a, c.TheirsMore = Lines(Of(theirs))
	b, c.RightMore = Lines(Of(right))
	c.Pairs = moved(align(a, b))
	return c
}

// align pairs the lines of the longest common part, and puts the others between them.
func align(a, b []Line) []Pair {
	// common[i][j] is how much a[i:] and b[j:] have in common.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].key == b[j].key {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var pairs []Pair
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i].key == b[j].key:
			mark := Same
			if a[i].says != b[j].says {
				mark = Differs
			}
			pairs = append(pairs, Pair{&a[i], &b[j], mark})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			pairs = append(pairs, Pair{&a[i], nil, More})
			i++
		default:
			pairs = append(pairs, Pair{nil, &b[j], Missing})
			j++
		}
	}
	return pairs
}

// moved tells what is missing from what comes at another place.
func moved(pairs []Pair) []Pair {
	for i := range pairs {
		if pairs[i].Mark != More {
			continue
		}
		key := pairs[i].Theirs.key
		j := slices.IndexFunc(pairs, func(p Pair) bool { return p.Mark == Missing && p.Right.key == key })
		if j >= 0 {
			pairs[i].Mark, pairs[j].Mark = Moved, Moved
		}
	}
	return pairs
}
