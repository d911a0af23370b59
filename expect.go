// SPDX-License-Identifier: MIT

package kmodlab

import (
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/expect"
	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/result"
)

// Expect checks expectations on a result that is there already, as Spec.Expect does for a run. It adds them to the
// result's Expectations, and lets the verdict say which do not hold. The error of one that is wrong is a *UsageError.
func Expect(res *result.Result, texts ...string) error {
	if err := checkExpect(texts, len(res.Expectations)); err != nil {
		return err
	}
	verdict.Expect(res, texts)
	return nil
}

// Expect adds expectations to those that the run had. The next Result is checked against all of them, and WriteTo
// writes them. The error of one that is wrong is a *UsageError.
func (r *Recording) Expect(texts ...string) error {
	if r == nil || r.evidence == nil {
		return errNothingRecorded
	}
	if err := checkExpect(texts, len(r.evidence.Expect)); err != nil {
		return err
	}
	e := *r.evidence
	e.Expect = slices.Concat(e.Expect, texts)
	r.evidence = &e
	return nil
}

// checkExpect finds what is wrong in expectations that come to some others.
func checkExpect(texts []string, others int) error {
	if len(texts)+others > evidence.MaxExpect {
		return usage("Expect", "%d expectations; a run has %d at most: join some with &&", len(texts)+others,
			evidence.MaxExpect)
	}
	for i, text := range texts {
		slip := expect.Wrong(text)
		if slip == nil {
			continue
		}
		which := ""
		if len(texts) > 1 {
			which = fmt.Sprintf("expectation %d: ", i+1)
		}
		return usage("Expect", "%s%s", which, slip.String()) // with a picture of the place
	}
	return nil
}

// slipIn says what is wrong in an expectation of kmodlab.yaml.
func slipIn(text string) *labfile.Slip {
	slip := expect.Wrong(text)
	if slip == nil {
		return nil
	}
	return &labfile.Slip{Line: slip.Line, Column: slip.Column, Message: slip.Message}
}
