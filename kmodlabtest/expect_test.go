// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestTellUnknown: of an expectation of which nothing is known, the log says so, and the test does not fail.
func TestTellUnknown(t *testing.T) {
	r := &recorder{t: t}
	l := aLab(r, result.Pass, result.Pass)
	l.runs = append(l.runs, &run{kernel: "debian:forky"}) // was cut short
	l.runs[1].end.Expectations = []result.Expected{
		{Text: "threads.size() == 2", Outcome: result.ExpectedUnknown, Why: "threads are not recorded\nok"},
	}
	for _, run := range l.runs {
		l.tellUnknown(run)
	}
	const want = "debian:trixie: threads.size() == 2: not known\n  | threads are not recorded\n  | ok"
	if got := r.all(); got != want || r.failed {
		t.Errorf("%q", got)
	}
	if text := unmet(l.runs[1].end.Result, nil); text != "" {
		t.Errorf("unmet: %s", text)
	}
}

// TestExpectOption: expectations come one after the other.
func TestExpectOption(t *testing.T) {
	c := configure(t.TempDir(), []Option{Expect("clean()", "threads.size() == 1"), Expect("true")})
	if len(c.spec.Expect) != 3 || c.spec.Expect[2] != "true" {
		t.Errorf("%q", c.spec.Expect)
	}
}
