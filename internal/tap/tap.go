// SPDX-License-Identifier: MIT

// Package tap reads what a test program says of its tests: TAP in versions 12 to 14 (testanything.org), KTAP
// (Documentation/dev-tools/ktap.rst of the kernel), and what kselftest makes of either. It is fed as the output comes.
// Everything has a bound, because whoever wrote the program is not trusted.
package tap

import "slices"

// Bounds of what is kept. A longer line is cut, and further tests are counted.
const (
	maxLine  = 4 << 10
	maxTests = 10_000
	maxDepth = 16
	maxNotes = 100 // diagnostic lines of a test
	maxFlaws = 20
)

// Outcome is how a test ended.
type Outcome string

// The outcomes. XFail is a test that failed as its author expects, also one that is marked TODO.
const (
	Pass  Outcome = "pass"
	Fail  Outcome = "fail"
	Skip  Outcome = "skip"
	XFail Outcome = "xfail"
)

// Test is one test, with those that it consists of.
type Test struct {
	Name    string   `json:"name"`
	Outcome Outcome  `json:"outcome"`
	Reason  string   `json:"reason,omitempty"` // what follows SKIP, TODO or XFAIL; TIMEOUT and ERROR with that word
	Notes   []string `json:"notes,omitempty"`  // the diagnostic lines before its result
	Tests   []Test   `json:"tests,omitempty"`
}

// Result is what a program has said of its tests.
type Result struct {
	Tests   []Test `json:"tests,omitempty"`
	Skipped string `json:"skipped,omitempty"` // why there are no tests: "1..0 # SKIP reason"
	// Flaws say where the output does not keep to its own plan, a sentence each.
	Flaws []string `json:"flaws,omitempty"`
	More  int      `json:"more,omitempty"` // tests beyond the bound
}

// Failed reports whether a test failed, or the output breaks off or contradicts its plan.
func (r *Result) Failed() bool {
	if len(r.Flaws) > 0 || r.More > 0 {
		return true
	}
	return slices.ContainsFunc(r.Tests, func(t Test) bool { return t.Failed() })
}

// Failed reports whether the test failed, or one of its parts although it says that it passed.
func (t *Test) Failed() bool {
	switch t.Outcome {
	case Fail:
		return true
	case Pass:
		return slices.ContainsFunc(t.Tests, func(t Test) bool { return t.Failed() })
	}
	return false // the parts of a test that was to fail, or did not run, say nothing
}
