// SPDX-License-Identifier: MIT

package book

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/story"
)

// shownPairs are two stories side by side.
type shownPairs struct {
	ID, Title, Caption string
	Sum                string // how much differs
	Rows               []pairRow
	More               string // what has no room
}

// pairRow is a row of them. Class is one of the classes of checks, for the colour.
type pairRow struct {
	Class, Symbol, Word string
	Theirs, Right       *storyLine
}

type storyLine struct{ At, Who, What, How string }

// pairMarks are the marks as a person sees them: a symbol and a word.
var pairMarks = map[story.Mark]pairRow{
	story.Same:    {Class: "passed", Symbol: "=", Word: "same"},
	story.Differs: {Class: "partial", Symbol: "≠", Word: "differs"},
	story.Missing: {Class: "failed", Symbol: "−", Word: "missing"},
	story.More:    {Class: "failed", Symbol: "+", Word: "extra"},
	story.Moved:   {Class: "skipped", Symbol: "↕", Word: "other order"},
}

func compared(list []Compared) []shownPairs {
	var all []shownPairs
	for i, c := range list[:min(len(list), maxPictures)] {
		next := shownPairs{ID: fmt.Sprintf("pairs-%d", i), Title: name(c.Title), Caption: plain.Line(c.Caption, maxLine)}
		for _, p := range c.Pairs {
			row := pairMarks[p.Mark]
			row.Theirs, row.Right = newStoryLine(p.Theirs), newStoryLine(p.Right)
			next.Rows = append(next.Rows, row)
		}
		next.Sum = "No event is missing, none is too much, and all are in the right order."
		if n := c.Differing(); n > 0 {
			next.Sum = fmt.Sprintf("%s not as in the right story.", count(n, "event is", "events are"))
		}
		if n := c.TheirsMore + c.RightMore; n > 0 {
			next.More = fmt.Sprintf("%s no room here.", count(n, "more event has", "more events have"))
		}
		all = append(all, next)
	}
	return all
}

func newStoryLine(l *story.Line) *storyLine {
	if l == nil {
		return nil
	}
	return &storyLine{At: plain.Moment(l.AtNS), Who: name(l.Who), What: plain.Line(l.What, maxLine),
		How: plain.Line(l.How, maxLine)}
}
