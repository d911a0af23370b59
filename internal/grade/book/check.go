// SPDX-License-Identifier: MIT

package book

import (
	"fmt"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// mark is a status as a person sees it: a symbol and a word, since colours alone are not seen by all.
type mark struct{ Symbol, Word string }

var symbols = map[grade.Status]string{
	grade.Passed: "✓", grade.Partial: "◐", grade.Failed: "✕", grade.Skipped: "–", grade.Unknown: "?",
}

func markOf(s grade.Status) mark { return mark{symbols[s], string(s)} }

// check is a check with all that is said of it.
type check struct {
	mark
	Name     string
	ID       string
	Points   string // 1.5 of 3 points
	Label    string // hidden, or visible after the due date
	Say      []string
	Story    string // the line of the story at which it shows
	Hint     string
	Where    string // file:line
	Scenario string // with the word before it
}

func newCheck(c *grade.Check) check {
	show := check{mark: markOf(c.Status), Name: name(c.Name()), ID: c.ID, Points: points(c.Points, c.Max),
		Label: label(c.Visibility), Say: plain.Several(c.Say, maxLine, maxLines), Scenario: scenarios(c.Scenario)}
	if c.Status == grade.Passed {
		return show
	}
	show.Story, show.Hint = plain.Line(c.Story, maxLine), plain.Line(c.Hint, maxLine)
	if c.File != "" {
		show.Where = name(c.File)
		if c.Line > 0 {
			show.Where = fmt.Sprintf("%s:%d", show.Where, c.Line)
		}
	}
	return show
}

// size is about how many bytes a check takes.
func (c *check) size() int {
	n := 300 + len(c.Name) + len(c.Story) + len(c.Hint) + len(c.Where)
	for _, line := range c.Say {
		n += len(line)
	}
	return n
}

func label(v grade.Visibility) string {
	switch v {
	case grade.Hidden:
		return "hidden"
	case grade.AfterDue:
		return "after due date"
	}
	return ""
}

// scenarios is where a check was checked: one scenario, or several with commas between them.
func scenarios(s string) string {
	switch {
	case s == "":
		return ""
	case strings.Contains(s, ","):
		return "scenarios " + name(s)
	}
	return "scenario " + name(s)
}

// name is a text of one line, harmless and short.
func name(s string) string { return plain.Line(s, maxName) }

// student is what a student is called.
func student(g *grade.Grade) string {
	if s := name(g.Student); strings.TrimSpace(s) != "" {
		return s
	}
	return "(no name)"
}

func title(lab, labTitle string) string {
	if s := name(labTitle); strings.TrimSpace(s) != "" {
		return s
	}
	if lab == "" {
		return "No lab"
	}
	return name(lab)
}

// points is 1.5 of 3 points.
func points(n, max float64) string {
	unit := "points"
	if max == 1 {
		unit = "point"
	}
	return fmt.Sprintf("%s of %s %s", grade.Format(n), grade.Format(max), unit)
}

// day is a time as a person reads it, the same on each machine.
func day(rfc3339 string) string {
	t, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// count is 1 student, 2 students.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func seconds(s float64) string {
	if s >= 120 {
		return fmt.Sprintf("%.1f min", s/60)
	}
	return fmt.Sprintf("%.1f s", s)
}
