// SPDX-License-Identifier: MIT

package rundiff

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestTests(t *testing.T) {
	sub := func(name string, outcome result.TestOutcome, of ...result.Subtest) result.Subtest {
		return result.Subtest{Name: name, Outcome: outcome, Tests: of}
	}
	a := &result.Result{Tests: []result.Test{
		{Name: "look.sh", Outcome: result.TestPass, PID: 100},
		{Name: "hw", Outcome: result.TestPass, Subtests: []result.Subtest{
			sub("suite", result.TestPass, sub("reads", result.TestPass), sub("writes", result.TestPass)),
			sub("x", result.TestSkip),
		}},
	}}
	b := &result.Result{Tests: []result.Test{
		{Name: "look.sh", Outcome: result.TestPass, PID: 200},
		{Name: "hw", Outcome: result.TestFail, Subtests: []result.Subtest{
			sub("suite", result.TestFail, sub("reads", result.TestPass), sub("writes", result.TestFail)),
			sub("y", result.TestPass),
		}},
		{Name: "hw", Outcome: result.TestPass},
	}}
	const want = `test hw: outcome: pass > fail
test hw: suite: outcome: pass > fail
test hw: suite: writes: outcome: pass > fail
test hw: x: there: yes > no
test hw: y: there: no > yes
test hw, number 2: there: no > yes`
	if got := shown(Compare(a, b)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := shown(Compare(b, b)); got != "" {
		t.Errorf("the same: %s", got)
	}
}
