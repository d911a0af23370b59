// SPDX-License-Identifier: MIT

// Package formats writes a grade for each grader that courses use. It is pure. What a submission says of itself goes
// through the texts of a grade; here it becomes harmless: no line of it is a grade, no cell a formula, no text markup.
//
// What is written for one submission is for its student's eyes: of hidden checks it has the sum of their points, and
// not a word. What is written for a class is for the lecturer's, and has everything.
package formats

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// Env is what a writer is told besides the grade.
type Env struct {
	Vars map[string]string // variables of the environment, as the grader sets them
	Due  bool              // the due date is over: students may see what is visible after it
}

// Target is a grader, and how it wants a grade. The sentences are for the person who chooses one, and for the page
// docs/grading-formats.md.
type Target struct {
	Name  string   // as a person types it
	File  string   // what the grader wants the file to be called; empty for the standard output
	For   string   // what it is
	Needs []string // variables of the environment without which nothing can be written
	Uses  []string // variables that are used if they are there

	Hidden  string // what becomes of hidden and after-due checks
	Points  string // how points are written
	Unbuilt string // what is written of sources that do not build
	Fault   string // what is written if the submission could not be graded
	Checked string // whose rules the tests check it by

	one func(g *grade.Grade, env Env) ([]byte, error)
	all func(b *grade.Book) ([]byte, error)
}

// Targets are all graders.
func Targets() []Target {
	return []Target{
		gradescopeTarget(), classroomTarget(), prairieTarget(), vplTarget(), autolabTarget(), junitTarget(), ktapTarget(),
		csvTarget(),
	}
}

// Find returns the target of a name.
func Find(name string) (*Target, error) {
	var names []string
	for _, t := range Targets() {
		if t.Name == name {
			return &t, nil
		}
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("there is no format %.40q: choose one of %s", name, strings.Join(names, ", "))
}

// NotGradedError says that a submission could not be graded, and that its grader has no word for that: nothing is
// written, and the grader has to be told by an exit status.
type NotGradedError struct{ Reason string }

func (e *NotGradedError) Error() string {
	return fmt.Sprintf("the submission could not be graded, so there are no points to write: %s", plain.Line(e.Reason, maxReason))
}

const maxReason = 500

// OfGrade and OfClass say what a target can be written of.
func (t *Target) OfGrade() bool { return t.one != nil }

// OfClass says whether WriteBook can be called.
func (t *Target) OfClass() bool { return t.all != nil }

// Write writes one grade, all of it or nothing.
func (t *Target) Write(w io.Writer, g *grade.Grade, env Env) error {
	if !t.OfGrade() {
		return fmt.Errorf("write %s: it is for a whole class", t.Name)
	}
	for _, name := range t.Needs {
		if strings.TrimSpace(env.Vars[name]) == "" {
			return fmt.Errorf("write %s: %s is not set: run this where the grader sets it", t.Name, name)
		}
	}
	if err := g.Valid(); err != nil {
		return fmt.Errorf("write %s: %w", t.Name, err)
	}
	data, err := t.one(g, env)
	return t.write(w, data, err)
}

// WriteBook writes the grades of a class, all or nothing.
func (t *Target) WriteBook(w io.Writer, b *grade.Book) error {
	if !t.OfClass() {
		return fmt.Errorf("write %s: it is for one submission", t.Name)
	}
	if err := b.Valid(); err != nil {
		return fmt.Errorf("write %s: %w", t.Name, err)
	}
	data, err := t.all(b)
	return t.write(w, data, err)
}

func (t *Target) write(w io.Writer, data []byte, err error) error {
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", t.Name, err)
	}
	return nil
}

// part is a check as a student sees it, or what stands for all that a student must not see.
type part struct {
	id, name    string
	status      grade.Status
	points, max float64
	told        []string
}

// parts are the checks that a student may see, and one for the others if they have points.
func parts(g *grade.Grade, due bool, lim limits) []part {
	v := g.View(due)
	var list []part
	for i := range v.Checks {
		list = append(list, partOf(&v.Checks[i], lim))
	}
	if v.WithheldMax > 0 {
		p := part{id: grade.Withheld, name: grade.Withheld, points: v.WithheldPoints, max: v.WithheldMax}
		switch {
		case p.points == p.max:
			p.status = grade.Passed
		case p.points > 0:
			p.status = grade.Partial
		default:
			p.status = grade.Failed
		}
		list = append(list, p)
	}
	return list
}

func partOf(c *grade.Check, lim limits) part {
	return part{id: c.ID, name: plain.Line(c.Name(), maxName), status: c.Status, points: c.Points, max: c.Max,
		told: told(c, lim)}
}

// state says how a check ended: passed, 2 of 2 points.
func (p *part) state() string { return fmt.Sprintf("%s, %s", p.status, of(p.points, p.max)) }

// of is 1.5 of 3 points.
func of(points, max float64) string {
	unit := "points"
	if max == 1 {
		unit = "point"
	}
	return fmt.Sprintf("%s of %s %s", grade.Format(points), grade.Format(max), unit)
}

// unbuilt is what is said of sources that do not build, in lines.
func unbuilt(g *grade.Grade, lim limits) []string {
	if len(g.Build) == 0 {
		return nil
	}
	return slices.Concat([]string{"The sources do not build:"}, lines(g.Build, lim))
}
