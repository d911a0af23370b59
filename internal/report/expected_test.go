// SPDX-License-Identifier: MIT

package report

import (
	"io"
	"testing"

	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/result"
)

// TestExpectations: every format says which expectations held, what was found instead of those that did not, and of
// which nothing is known.
func TestExpectations(t *testing.T) {
	r := resultOf(demoEvents(), done)
	r.Unknown = map[string]string{"process_forked": "no hook of it was proved"}
	verdict.Expect(r, []string{
		`clean()`,
		"threads.all(t,\n    t.stops == 2 && t.name.startsWith(\"K\"))",
		`signals.size() == 3`,
		`processes.size() == 0`,
	})
	text := func(w io.Writer, r *result.Result) error { return Text(w, r, TextOptions{}) }
	narrow := func(w io.Writer, r *result.Result) error { return Text(w, r, TextOptions{Width: 60, Color: true}) }
	brief := func(w io.Writer, r *result.Result) error { return Brief(w, r, 2) }
	for ending, write := range map[string]writer{
		"txt": text, "md": Markdown, "junit.xml": JUnit, "ktap": KTAP, "narrow.txt": narrow, "brief.txt": brief,
	} {
		golden(t, "expected."+ending, written(t, write, r))
	}
	for _, c := range checks(r) {
		if failed := c.state == checkFailed; failed != (c.name == result.Expectation) {
			t.Errorf("the check %s: %+v", c.name, c)
		}
	}
}

// TestExpectationsUnknown: that nobody knows whether a run is as expected is no pass of that check, and no failure.
func TestExpectationsUnknown(t *testing.T) {
	r := resultOf(demoEvents(), done)
	r.Unknown = map[string]string{"process_forked": "no hook of it was proved"}
	verdict.Expect(r, []string{`processes.size() == 0`})
	if r.Verdict.Class != result.Pass {
		t.Errorf("the verdict is %+v", r.Verdict)
	}
	for _, c := range checks(r) {
		if unknown := c.state == checkSkipped; unknown != (c.name == result.Expectation) {
			t.Errorf("the check %s: %+v", c.name, c)
		}
	}
	got := written(t, KTAP, r)
	checkKTAP(t, got, r)
}
