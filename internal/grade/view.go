// SPDX-License-Identifier: MIT

package grade

import "slices"

// View is what a student may see of a grade. The points of the other checks are part of the grade's sum, which students
// see, so their sum is no secret; nothing else of them is here.
type View struct {
	Checks   []Check
	Withheld int // how many checks are not shown

	WithheldPoints, WithheldMax float64
}

// Withheld is what stands for the checks that are not shown.
const Withheld = "hidden checks"

// needsWithheld is said of a check that was skipped because of a check that is not shown.
const needsWithheld = "A check that it needs did not pass."

// NotGraded is what a student reads of a submission that could not be graded. The reason is the lecturer's to know: it
// may name the machine, or what is checked.
const NotGraded = "This submission could not be graded. The machine that grades is at fault, not the submission. " +
	"Ask the course staff to grade it again."

// View leaves out what students must not see. due says that the due date is over, so that they may see what is visible
// after it.
func (g *Grade) View(due bool) View {
	v := View{Checks: []Check{}}
	var withheld []Check
	shown := func(c *Check) bool { return c.Visibility == Visible || due && c.Visibility == AfterDue }
	var ids []string
	for i := range g.Checks {
		if shown(&g.Checks[i]) {
			ids = append(ids, g.Checks[i].ID)
		} else {
			withheld = append(withheld, g.Checks[i])
		}
	}
	for _, c := range g.Checks {
		if shown(&c) {
			v.Checks = append(v.Checks, c.without(ids))
		}
	}
	v.Withheld = len(withheld)
	v.WithheldPoints, v.WithheldMax = sum(withheld)
	return v
}

// without is the check without a word of checks that are not among ids.
func (c Check) without(ids []string) Check {
	var known []string
	for _, need := range c.Needs {
		if slices.Contains(ids, need) {
			known = append(known, need)
		}
	}
	if len(known) < len(c.Needs) && c.Status == Skipped {
		c.Say, c.Hint = []string{needsWithheld}, ""
	}
	c.Needs = known
	return c
}
