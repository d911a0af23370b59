// SPDX-License-Identifier: MIT

package report

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// check is one question that every run answers, in the form of test reports. The list is the same for every run, so
// that many runs can be compared.
type check struct {
	name  result.Class // the verdict that a failure would be
	state checkState
	text  string // why it was skipped
}

type checkState int

const (
	checkPassed checkState = iota
	checkFailed            // the module's fault
	checkBroken            // the fault of this machine or of the guest
	checkSkipped
)

// checks are the verdict classes in the order in which a run meets them; that of tests only if there are some. What a
// run did not reach is skipped, never passed.
func checks(r *result.Result) []check {
	order := []result.Class{
		result.Host, result.Build, result.Preflight, result.Load, result.Expectation, result.TestFailed, result.Leak,
		result.Oops, result.Panic, result.Lockup, result.Hung, result.Timeout, result.Lost,
	}
	found := append([]result.Verdict{r.Verdict}, r.Verdict.Also...)
	var list []check
	for _, class := range order {
		c := check{name: class}
		if class == result.TestFailed && len(r.Tests) == 0 && r.Verdict.Class != class {
			continue // nobody asked
		}
		switch i := slices.IndexFunc(found, func(v result.Verdict) bool { return v.Class == class }); {
		case i >= 0:
			c.fail(&found[i])
		case skipped(r, found, class) != "":
			c.state, c.text = checkSkipped, skipped(r, found, class)
		}
		list = append(list, c)
	}
	return list
}

func (c *check) fail(v *result.Verdict) {
	c.state = checkFailed
	if v.Class.ExitStatus() != 1 {
		c.state = checkBroken
	}
}

// checkSummary says in a line each which checks failed, which passed, and which had no answer and why.
func checkSummary(list []check) []string {
	names := make(map[string][]string)
	heads := []string{"failed", "passed"}
	for _, c := range list {
		head := "passed"
		switch c.state {
		case checkFailed, checkBroken:
			head = "failed"
		case checkSkipped:
			head = "not checked (" + c.text + ")"
		}
		if names[head] = append(names[head], string(c.name)); !slices.Contains(heads, head) {
			heads = append(heads, head)
		}
	}
	var lines []string
	for _, head := range heads {
		if len(names[head]) > 0 {
			lines = append(lines, head+": "+strings.Join(names[head], ", "))
		}
	}
	return lines
}

// verdictLines is a verdict in lines: what happened, the hint, the evidence, the other verdicts. They are harmless.
func verdictLines(v *result.Verdict) []string {
	lines := []string{clean(string(v.Class) + ": " + v.Message)}
	if v.Hint != "" {
		lines = append(lines, "hint: "+clean(v.Hint))
	}
	for _, also := range v.Also {
		lines = append(lines, "also: "+clean(string(also.Class)+": "+also.Message))
	}
	for _, line := range v.Evidence {
		lines = append(lines, clean(strings.TrimRight(line, "\r ")))
	}
	return lines
}

// runName is what a run is called: its title, or the modules under study where an older recording has none.
func runName(r *result.Result) string {
	if r.Title != "" {
		return r.Title
	}
	var names []string
	for i := range r.Modules {
		if !r.Modules[i].Background {
			names = append(names, r.Modules[i].Name)
		}
	}
	if len(names) == 0 {
		return "run"
	}
	return strings.Join(names, ", ")
}

// skipped says why a question has no answer, "" if it has one.
func skipped(r *result.Result, found []result.Verdict, class result.Class) string {
	has := func(classes ...result.Class) bool {
		return slices.ContainsFunc(found, func(v result.Verdict) bool { return slices.Contains(classes, v.Class) })
	}
	built := slices.ContainsFunc(r.Phases, func(p result.Phase) bool { return p.Name == "build" })
	booted := r.Machine.Kernel != ""
	switch {
	case class == result.Host:
		return ""
	case class == result.Build && !built:
		return "nothing was built"
	case class == result.Build:
		return ""
	case has(result.Build):
		return "the sources did not build"
	case class == result.Preflight && !booted:
		return "the run did not get that far"
	case class == result.Preflight:
		return ""
	case has(result.Preflight):
		return "the module does not fit this kernel"
	case !booted:
		return "nothing was booted"
	case has(result.Host, result.Timeout, result.Lost):
		return "the run did not finish"
	case class == result.TestFailed && notRun(r) != "":
		return notRun(r)
	case class == result.Expectation:
		return untold(r)
	case class == result.Leak && !unloaded(r):
		return "not all modules were unloaded"
	}
	return ""
}

// notRun says why a test never ran, "" if all did.
func notRun(r *result.Result) string {
	for i := range r.Tests {
		if t := &r.Tests[i]; t.Outcome == result.TestNotRun {
			return "not all tests ran: " + clean(t.Reason)
		}
	}
	return ""
}

// unloaded reports whether all modules under study went, for only then something can have been left behind.
func unloaded(r *result.Result) bool {
	studied := 0
	for i := range r.Modules {
		m := &r.Modules[i]
		if m.Background {
			continue
		}
		if studied++; !m.Unloaded {
			return false
		}
	}
	return studied > 0
}
