// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// Expect says what must be true of every run of the lab, in expressions over its result (docs/expectations.md):
//
//	kmodlabtest.Expect(`threads.all(t, t.stops == 1)`, `clean()`)
//
// What is wrong in one ends the test before anything is built. Whatever verdict the test wants, one that does not hold
// fails it. Of one that the kernel records nothing of, the test's log says so.
func Expect(expressions ...string) Option {
	return func(c *config) { c.spec.Expect = append(c.spec.Expect, expressions...) }
}

// Holds wants that an expression over the result is true (docs/expectations.md). One that the kernel records nothing of
// is not.
func Holds(expression string) Requirement {
	return That(func(r *result.Result) error {
		alone := *r
		alone.Expectations, alone.Verdict.Also = nil, slices.Clip(r.Verdict.Also)
		if err := kmodlab.Expect(&alone, expression); err != nil {
			return err
		}
		x := &alone.Expectations[0]
		if x.Outcome == result.ExpectedHeld {
			return nil
		}
		return notHeld(x)
	})
}

// notHeld says what was found instead of what was expected, or why that is not known.
func notHeld(x *result.Expected) error {
	text, said := strings.Join(strings.Fields(x.Text), " "), x.Found
	if len(said) == 0 && x.Why != "" {
		said = []string{x.Why}
	}
	how := " does not hold"
	if x.Outcome == result.ExpectedUnknown {
		how = ": not known"
	}
	return mismatch(x.AtNS, "%s", strings.Join(append([]string{text + how}, said...), "\n"))
}

// outcome are the expectations of a run with this outcome.
func outcome(r *result.Result, o result.ExpectedOutcome) []error {
	var list []error
	for i := range r.Expectations {
		if x := &r.Expectations[i]; x.Outcome == o {
			list = append(list, notHeld(x))
		}
	}
	return list
}
