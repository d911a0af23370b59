// SPDX-License-Identifier: MIT

package grading

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/assess"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
)

// Trial is one proof that a lab's checks tell right from wrong.
type Trial struct {
	Name   string // solution, starter, or broken/NAME
	Kernel string
	Times  int // how often the solution was tried
	Grade  *grade.Grade
	Runs   assess.Runs // of the last time
	// Wrong says what was not as it must be, a sentence without a stop each; empty is a proof.
	Wrong []string
}

// Solution is the name of the solution's trial.
const Solution = "solution"

// Verify tries the lab on itself: the starter passes no check but builds, the solution passes all, as often as times
// says, and each broken variant fails the checks that its entry names, for the reason that it states, and no other. The
// error is of a trial that could not be made.
func (g *Grader) Verify(ctx context.Context, times int, tell func(Trial)) error {
	if err := g.verifySolution(ctx, times, tell); err != nil {
		return err
	}
	starter, err := g.lab.Starter(g.lab.Help)
	if err != nil {
		return err
	}
	if err := g.try(ctx, "starter", starter, starterWrong, tell); err != nil {
		return err
	}
	for _, b := range g.lab.Broken {
		if !b.On(g.options.Machine.Kernel) {
			continue
		}
		files, err := g.lab.Variant(b.Name)
		if err != nil {
			return err
		}
		wrong := func(made *grade.Grade) []string { return variantWrong(made, b) }
		if err := g.try(ctx, "broken/"+b.Name, files, wrong, tell); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grader) verifySolution(ctx context.Context, times int, tell func(Trial)) error {
	t := Trial{Name: Solution, Kernel: g.options.Machine.Kernel}
	for ; t.Times < times && len(t.Wrong) == 0; t.Times++ {
		end, err := g.Grade(ctx, Contents(g.lab.Solution()))
		if err != nil {
			return err
		}
		t.Grade, t.Runs, t.Wrong = end.Grade, end.Runs, solutionWrong(end.Grade)
	}
	tell(t)
	return nil
}

func (g *Grader) try(
	ctx context.Context, name string, files map[string]course.File, wrong func(*grade.Grade) []string, tell func(Trial),
) error {
	end, err := g.Grade(ctx, Contents(files))
	if err != nil {
		return err
	}
	t := Trial{Name: name, Kernel: g.options.Machine.Kernel, Times: 1, Grade: end.Grade, Runs: end.Runs}
	if t.Wrong = faultWrong(end.Grade); len(t.Wrong) == 0 {
		t.Wrong = wrong(end.Grade)
	}
	tell(t)
	return nil
}

// Contents is what the files have.
func Contents(files map[string]course.File) map[string][]byte {
	handed := make(map[string][]byte, len(files))
	for name, f := range files {
		handed[name] = f.Data
	}
	return handed
}

func faultWrong(made *grade.Grade) []string {
	if made.Fault == "" {
		return nil
	}
	return []string{made.Fault}
}

func solutionWrong(made *grade.Grade) []string {
	wrong := faultWrong(made)
	for _, c := range made.Checks {
		if c.Status != grade.Passed {
			wrong = append(wrong, fmt.Sprintf("the solution does not pass %s (%s): %s", c.ID, c.Status, said(c)))
		}
	}
	return wrong
}

func starterWrong(made *grade.Grade) []string {
	var wrong []string
	for _, c := range made.Checks {
		switch {
		case c.ID == course.Builds && c.Status != grade.Passed:
			wrong = append(wrong, "the starter does not build: "+said(c))
		case c.ID != course.Builds && (c.Status == grade.Passed || c.Status == grade.Partial):
			wrong = append(wrong, fmt.Sprintf("the starter has points for %s (%s)", c.ID, c.Status))
		}
	}
	return wrong
}

func variantWrong(made *grade.Grade, b course.Broken) []string {
	var wrong []string
	missed := maps.Clone(b.Fails)
	for _, c := range made.Checks {
		reason, wanted := b.Fails[c.ID]
		fails := c.Status == grade.Failed || c.Status == grade.Partial
		switch {
		case fails && !wanted:
			wrong = append(wrong, fmt.Sprintf("it also fails %s: %s", c.ID, said(c)))
		case c.Status == grade.Unknown:
			wrong = append(wrong, fmt.Sprintf("%s is not known: %s", c.ID, said(c)))
		case fails && !regexp.MustCompile(reason).MatchString(said(c)): // course.Load has compiled it
			wrong = append(wrong, fmt.Sprintf("it fails %s for another reason than %q: %s", c.ID, reason, said(c)))
		}
		if fails {
			delete(missed, c.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missed)) {
		wrong = append(wrong, fmt.Sprintf("it does not fail %s", id))
	}
	return wrong
}

func said(c grade.Check) string { return strings.Join(c.Say, "; ") }
