// SPDX-License-Identifier: MIT

// Package assess makes a grade of what the scenarios of a lab found out about a submission. It is pure: the same
// results give the same grade, whether the runs have just ended or were recorded.
package assess

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/expect"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/grade/shape"
	"github.com/kmodlab/kmodlab/internal/story"
	"github.com/kmodlab/kmodlab/result"
)

// Assessor knows a lab's expressions.
type Assessor struct {
	lab      *course.Lab
	compiled map[string]*expect.Expectation
}

// New compiles a lab's expressions. The error is of the first that is wrong; course.Load has told all of them.
func New(lab *course.Lab) (*Assessor, error) {
	a := &Assessor{lab: lab, compiled: make(map[string]*expect.Expectation)}
	for _, c := range lab.Checks {
		texts := slices.Clone(c.Check)
		for _, p := range c.Partial {
			texts = append(texts, p.Check...)
		}
		for _, text := range texts {
			e, err := expect.Compile(text)
			if err != nil {
				return nil, fmt.Errorf("compile check %s of lab %s: %w", c.ID, lab.Name, err)
			}
			a.compiled[text] = e
		}
	}
	return a, nil
}

// Runs are the results of the scenarios, by name.
type Runs map[string]*result.Result

// Grade says what became of a submission on one kernel. What the caller knows alone, such as the student's name, it
// fills in afterwards. A scenario that this machine could not run makes the whole a fault: nobody has points for it,
// and nobody loses any.
func (a *Assessor) Grade(kernel string, runs Runs) *grade.Grade {
	g := &grade.Grade{
		Schema: grade.Schema, Lab: a.lab.Name, LabTitle: a.lab.Title, Kernels: []string{kernel}, Checks: []grade.Check{},
		Build: buildErrors(runs), Fault: fault(runs), Shape: shapeOf(runs), Crashes: crashes(runs),
	}
	for i := range a.lab.Checks {
		c := &a.lab.Checks[i]
		if len(c.Kernels) == 0 || slices.Contains(c.Kernels, kernel) {
			g.Checks = append(g.Checks, a.check(c, runs, g))
		}
	}
	g.Sum()
	return g
}

// Next are the scenarios that have to run next on a kernel, given those that have run: none when the submission can be
// graded. What only checks ask for that are skipped, because one that they need did not pass, does not run at all.
func (a *Assessor) Next(kernel string, runs Runs) []string {
	next := a.missing(kernel, runs, func(string) bool { return true })
	if len(runs) == 0 {
		return next[:min(len(next), 1)] // any of them tells whether the sources build
	}
	asked := make(map[string]bool)
	so := &grade.Grade{Build: buildErrors(runs)}
	for i := range a.lab.Checks {
		c := &a.lab.Checks[i]
		if len(c.Kernels) > 0 && !slices.Contains(c.Kernels, kernel) {
			continue
		}
		waits := slices.ContainsFunc(so.Checks, func(before grade.Check) bool {
			return before.Status == "" && slices.Contains(c.Needs, before.ID)
		})
		missing := a.missing(kernel, runs, func(name string) bool { return slices.Contains(c.Scenarios, name) })
		if !waits && (len(missing) == 0 || unmet(c, so) != "") {
			so.Checks = append(so.Checks, a.check(c, runs, so))
			continue
		}
		so.Checks = append(so.Checks, grade.Check{ID: c.ID}) // what has no status is not decided yet
		for _, name := range missing {
			asked[name] = asked[name] || !waits
		}
	}
	return slices.DeleteFunc(next, func(name string) bool { return !asked[name] })
}

// missing are the scenarios for a kernel that have not run, of those that are of interest.
func (a *Assessor) missing(kernel string, runs Runs, of func(name string) bool) []string {
	var names []string
	for i := range a.lab.Scenarios {
		s := &a.lab.Scenarios[i]
		if _, ran := runs[s.Name]; s.On(kernel) && !ran && of(s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// shapeOf is the fingerprint of the story that the scenarios tell.
func shapeOf(runs Runs) string {
	var list []shape.Run
	for _, name := range sorted(runs) {
		list = append(list, shape.Run{Scenario: name, Result: runs[name]})
	}
	return shape.Of(list)
}

// crashes are the kernel's reports on the modules.
func crashes(runs Runs) []grade.Crash {
	list := []grade.Crash{}
	for _, name := range sorted(runs) {
		for i := range runs[name].Crashes {
			c := &runs[name].Crashes[i]
			seen := grade.Crash{Class: string(c.Class), Message: c.Title, Scenario: name}
			if f := guilty(c); f != nil {
				seen.Place = placeOf(f)
			}
			list = append(list, seen)
		}
	}
	return list
}

// guilty is the frame of a report that is to blame, nil if it is not known.
func guilty(c *result.Crash) *result.Frame {
	if c.Guilty == nil || *c.Guilty < 0 || *c.Guilty >= len(c.Frames) {
		return nil
	}
	return &c.Frames[*c.Guilty]
}

func placeOf(f *result.Frame) string {
	if f.File != "" {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.Place()
}

// fault is why a scenario could not be run, "" if all could.
func fault(runs Runs) string {
	for _, name := range sorted(runs) {
		if v := runs[name].Verdict; v.Class == result.Host {
			return fmt.Sprintf("the scenario %s could not be run: %s", name, v.Message)
		}
	}
	return ""
}

// maxBuildErrors bounds what is told of a build that failed.
const maxBuildErrors = 5

func buildErrors(runs Runs) []string {
	for _, name := range sorted(runs) {
		r := runs[name]
		if r.Verdict.Class != result.Build {
			continue
		}
		told := []string{r.Verdict.Message}
		return append(told, r.Verdict.Evidence[:min(len(r.Verdict.Evidence), maxBuildErrors)]...)
	}
	return []string{}
}

func sorted(runs Runs) []string {
	names := make([]string, 0, len(runs))
	for name := range runs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// check says what became of one check. g has the checks before it.
func (a *Assessor) check(c *course.Check, runs Runs, g *grade.Grade) grade.Check {
	out := grade.Check{
		ID: c.ID, Title: c.Title, Max: float64(c.Points), Visibility: grade.Visibility(c.Visibility), Needs: c.Needs,
		Status: grade.Passed, Say: []string{}, File: c.File, Scenario: strings.Join(c.Scenarios, ", "),
	}
	switch failed := unmet(c, g); {
	case c.ID == course.Builds:
		if len(g.Build) > 0 {
			out.Status, out.Say, out.Hint = grade.Failed, g.Build, c.Hint
		}
	case failed != "":
		out.Status, out.Say = grade.Skipped, []string{fmt.Sprintf("The check %s did not pass, and this one needs it.", failed)}
	default:
		a.judge(c, runs, &out)
	}
	switch out.Status {
	case grade.Passed:
		out.Points = out.Max
	case grade.Failed, grade.Unknown:
		a.partial(c, runs, &out)
	}
	return out
}

// unmet is a check that must pass before this one and did not, "" if there is none.
func unmet(c *course.Check, g *grade.Grade) string {
	for i := range g.Checks {
		before := &g.Checks[i]
		needed := slices.Contains(c.Needs, before.ID) || before.ID == course.Builds
		if needed && before.Status != grade.Passed {
			return before.ID
		}
	}
	return ""
}

// judge evaluates the expressions of a check in all its scenarios. One that does not hold fails the check; else one of
// which nothing on this kernel tells makes it unknown.
func (a *Assessor) judge(c *course.Check, runs Runs, out *grade.Check) {
	var unknown []string
	for _, name := range c.Scenarios {
		r := runs[name]
		for _, text := range c.Check {
			say, status, at := a.evaluate(text, name, r)
			switch status {
			case grade.Failed:
				out.Status, out.Hint = grade.Failed, c.Hint
				out.Say = append(out.Say, say...)
				where(r, at, out)
			case grade.Unknown:
				unknown = append(unknown, say...)
			}
		}
	}
	if out.Status == grade.Passed && len(unknown) > 0 {
		out.Status, out.Say = grade.Unknown, unknown
	}
	out.Say = slices.Compact(out.Say)
}

// evaluate says what became of one expression in one scenario, and when in its story that shows, if it is known.
func (a *Assessor) evaluate(text, scenario string, r *result.Result) ([]string, grade.Status, *int64) {
	switch {
	case r == nil:
		return []string{inScenario(scenario, "it was not run")}, grade.Unknown, nil
	case r.Verdict.Class == result.Lost:
		// A guest that lies, or is gone, proves nothing.
		return []string{inScenario(scenario, "what the machine said does not count: "+r.Verdict.Message)}, grade.Failed, nil
	}
	f := a.compiled[text].Check(r)
	switch {
	case f.Holds:
		return nil, grade.Passed, nil
	case f.Unknown != "" && f.Unrecorded && cutShort(r):
		return ended(scenario, r), grade.Failed, nil
	case f.Unknown != "" && f.Unrecorded:
		return []string{inScenario(scenario, "it is not known: "+f.Unknown)}, grade.Unknown, nil
	case f.Unknown != "" && len(f.Found) == 0:
		return append([]string{inScenario(scenario, f.Unknown)}, ended(scenario, r)...), grade.Failed, f.AtNS
	}
	var say []string
	for _, found := range f.Found {
		say = append(say, inScenario(scenario, found))
	}
	if len(say) == 0 {
		say = []string{inScenario(scenario, "it does not hold: "+text)}
	}
	return append(say, ended(scenario, r)...), grade.Failed, f.AtNS
}

// where says of a check that failed where in the story and in the sources that shows, once. What the kernel reported
// of the modules is nearer to the fault than what an expectation looked at.
func where(r *result.Result, at *int64, out *grade.Check) {
	if out.Story == "" && at != nil {
		if spot := story.At(r, *at); spot != nil {
			out.Story = spot.String()
			if spot.File != "" && out.Line == 0 {
				out.File, out.Line = spot.File, spot.Number
			}
		}
	}
	for i := range r.Crashes {
		if f := guilty(&r.Crashes[i]); f != nil && f.File != "" {
			out.File, out.Line = f.File, f.Line
			return
		}
	}
}

// cutShort reports whether the run could not go on because of the modules. What would have been recorded later is
// missing then, and so is the proof that it could have been; no kernel is to blame for that.
func cutShort(r *result.Result) bool {
	switch r.Verdict.Class {
	case result.Panic, result.Lockup, result.Hung, result.Timeout:
		return true
	}
	return slices.ContainsFunc(r.Crashes, func(c result.Crash) bool { return c.Class == result.Panic })
}

// ended says how a run ended that did not pass: that is mostly why an expectation does not hold.
func ended(scenario string, r *result.Result) []string {
	v := r.Verdict
	switch v.Class {
	case result.Pass, result.Expectation, result.TestFailed:
		return nil
	}
	return []string{inScenario(scenario, fmt.Sprintf("the verdict is %s: %s", v.Class, v.Message))}
}

func inScenario(scenario, sentence string) string { return scenario + ": " + sentence }

// partial gives the points of the best part of a check that holds.
func (a *Assessor) partial(c *course.Check, runs Runs, out *grade.Check) {
	for _, p := range c.Partial {
		if float64(p.Points) > out.Points && a.holds(p.Check, c.Scenarios, runs) {
			out.Status, out.Points = grade.Partial, float64(p.Points)
		}
	}
}

func (a *Assessor) holds(texts, scenarios []string, runs Runs) bool {
	for _, name := range scenarios {
		for _, text := range texts {
			if _, status, _ := a.evaluate(text, name, runs[name]); status != grade.Passed {
				return false
			}
		}
	}
	return true
}
