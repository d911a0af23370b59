// SPDX-License-Identifier: MIT

// Package grade is what became of a submission: its checks with their points, and a class of such grades. It is plain
// data and pure. Who shows a grade does so through a View, which leaves out what students must not see.
package grade

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schema names the JSON form of a Grade.
const Schema = "kmodlab.grade/1"

// Grade is a graded submission. Texts that a student can influence are in it as they are: whoever shows them makes them
// harmless.
type Grade struct {
	Schema     string   `json:"schema"`
	Lab        string   `json:"lab"`
	LabTitle   string   `json:"lab_title"`
	Student    string   `json:"student"`
	Submission string   `json:"submission"` // a hash of what was handed in
	Kernels    []string `json:"kernels"`
	Graded     string   `json:"graded"` // when, RFC 3339
	Points     float64  `json:"points"` // the sum of the checks' points
	Max        float64  `json:"max"`
	Checks     []Check  `json:"checks"`
	Build      []string `json:"build"`   // why the sources do not build: the compiler's first errors; empty if they do
	Fault      string   `json:"fault"`   // why it could not be graded; it has no points then
	Seconds    float64  `json:"seconds"` // how long grading took
	// Shape is a fingerprint of the story, without times, names and places (package shape); empty if there is no story.
	Shape   string  `json:"shape"`
	Crashes []Crash `json:"crashes"` // what the kernel reported of the modules; the first of many
}

// Crash is one report of the kernel. A lecturer sees it; it is in no student's view, since it may tell of a hidden
// check.
type Crash struct {
	Class    string `json:"class"`    // as the verdict says it: oops, panic, lockup
	Place    string `json:"place"`    // file:line, or function+offset [module]; empty if it is not known
	Message  string `json:"message"`  // the title of the report
	Scenario string `json:"scenario"` // in which run
}

// Check is one thing that was checked.
type Check struct {
	ID         string     `json:"id"`
	Title      string     `json:"title"`
	Status     Status     `json:"status"`
	Points     float64    `json:"points"`
	Max        float64    `json:"max"`
	Visibility Visibility `json:"visibility"`
	Needs      []string   `json:"needs"` // IDs of checks that must pass first
	Say        []string   `json:"say"`   // sentences: what was found
	Story      string     `json:"story"` // the line of the story at which that shows, if there is one
	Hint       string     `json:"hint"`
	File       string     `json:"file"` // where in the student's sources, if that is known
	Line       int        `json:"line"`
	Scenario   string     `json:"scenario"`
}

// Status is what became of a check.
type Status string

// What may become of a check.
const (
	Passed  Status = "passed"  // all points
	Partial Status = "partial" // some points
	Failed  Status = "failed"  // none
	Skipped Status = "skipped" // none: a check that it needs did not pass
	Unknown Status = "unknown" // none: the trace does not tell
)

// Visibility is whether students see a check.
type Visibility string

// Who sees a check.
const (
	Visible  Visibility = "visible"
	Hidden   Visibility = "hidden"
	AfterDue Visibility = "after-due" // hidden until the submission's due date
)

// What a grade may have at most.
const (
	maxChecks = 500
	maxPoints = 1e6
	maxID     = 64
)

// Name is what a reader calls the check.
func (c *Check) Name() string {
	if strings.TrimSpace(c.Title) == "" {
		return c.ID
	}
	return c.Title
}

// Valid returns an error that says what is wrong with a grade: points that do not add up or do not fit their status, an
// unknown word, a check that is there twice. No writer writes a grade that is not valid.
func (g *Grade) Valid() error {
	if g.Lab == "" {
		return errors.New("the grade names no lab")
	}
	if g.Graded != "" {
		if _, err := time.Parse(time.RFC3339, g.Graded); err != nil {
			return fmt.Errorf("graded is %.40q, want a time such as 2026-11-30T12:00:00Z", g.Graded)
		}
	}
	if !(g.Seconds >= 0 && g.Seconds < 1e9) {
		return fmt.Errorf("grading took %v seconds, want a number from 0", g.Seconds)
	}
	if len(g.Checks) == 0 && g.Fault == "" {
		return errors.New("the grade has no checks, and does not say why it could not be graded")
	}
	if len(g.Checks) > maxChecks {
		return fmt.Errorf("the grade has %d checks, at most %d are allowed", len(g.Checks), maxChecks)
	}
	if g.Shape != "" && !isID(g.Shape) {
		return fmt.Errorf("shape is %.80q, want a fingerprint of at most %d letters and digits", g.Shape, maxID)
	}
	ids := make([]string, len(g.Checks))
	for i := range g.Checks {
		ids[i] = g.Checks[i].ID
	}
	for i := range g.Checks {
		if err := g.Checks[i].valid(ids); err != nil {
			return fmt.Errorf("check %.80q: %w", g.Checks[i].ID, err)
		}
		if slices.Contains(ids[:i], ids[i]) {
			return fmt.Errorf("check %.80q is there twice", ids[i])
		}
	}
	return g.validSum()
}

// validSum checks the points of the whole.
func (g *Grade) validSum() error {
	points, limit := sum(g.Checks)
	if g.Fault != "" {
		if g.Points != 0 || points != 0 {
			return fmt.Errorf("the grade has points, but it says that it could not be graded: %.200q", g.Fault)
		}
		if len(g.Checks) == 0 { // nobody came so far as to list them
			limit = g.Max
		}
	}
	if g.Points != points || g.Max != limit || !isPoints(g.Max) {
		return fmt.Errorf("points do not add up: the grade has %v of %v, its checks have %v of %v", g.Points, g.Max, points,
			limit)
	}
	return nil
}

func (c *Check) valid(ids []string) error {
	if !isID(c.ID) {
		return fmt.Errorf("want an ID of at most %d letters, digits, - _ or ., which begins with a letter or digit", maxID)
	}
	for _, need := range c.Needs {
		if !slices.Contains(ids, need) {
			return fmt.Errorf("it needs %.80q, which is no check", need)
		}
	}
	if !slices.Contains([]Visibility{Visible, Hidden, AfterDue}, c.Visibility) {
		return fmt.Errorf("visibility is %.40q, want visible, hidden or after-due", c.Visibility)
	}
	if !isPoints(c.Points) || !isPoints(c.Max) || c.Points > c.Max {
		return fmt.Errorf("it has %v of %v points, want numbers from 0 with at most two decimals", c.Points, c.Max)
	}
	fits := c.Points == 0
	switch c.Status {
	case Passed:
		fits = c.Points == c.Max
	case Partial:
		fits = true
	case Failed, Skipped, Unknown:
	default:
		return fmt.Errorf("status is %.40q, want passed, partial, failed, skipped or unknown", c.Status)
	}
	if !fits {
		return fmt.Errorf("it has %v of %v points, which is not what %s means", c.Points, c.Max, c.Status)
	}
	return nil
}

// isID reports whether a check may have this ID: a word that every grader accepts as a name.
func isID(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("-_.", rune(c))) {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}
