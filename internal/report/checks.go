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
	name   result.Class // the verdict that a failure would be
	state  checkState
	text   string   // why it failed or was skipped, made harmless
	detail []string // lines of evidence, made harmless
}

type checkState int

const (
	checkPassed checkState = iota
	checkFailed            // the module's fault
	checkBroken            // the fault of this machine or of the guest
	checkSkipped
)

// checks are the verdict classes in the order in which a run meets them. What a run did not reach is skipped, never
// passed.
func checks(r *result.Result) []check {
	order := []result.Class{
		result.Host, result.Build, result.Preflight, result.Load, result.Expectation, result.Leak,
		result.Oops, result.Panic, result.Lockup, result.Hung, result.Timeout, result.Lost,
	}
	found := append([]result.Verdict{r.Verdict}, r.Verdict.Also...)
	var list []check
	for _, class := range order {
		c := check{name: class}
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
	c.state, c.text = checkFailed, clean(v.Message)
	if v.Class.ExitStatus() != 1 {
		c.state = checkBroken
	}
	if v.Hint != "" {
		c.detail = append(c.detail, "hint: "+clean(v.Hint))
	}
	for _, line := range v.Evidence {
		c.detail = append(c.detail, clean(strings.TrimRight(line, "\r ")))
	}
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
	}
	return ""
}
