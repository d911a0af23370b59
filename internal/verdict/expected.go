// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/expect"
	"github.com/kmodlab/kmodlab/result"
)

// Expect checks what a person expects of a result, adds what became of it, and lets the verdict say so. While an
// expectation is checked, the verdict is the one without any.
//
// An expectation that does not hold makes a pass the verdict expectation, and is listed after any other verdict: what
// the kernel says, what was left behind and a test that failed are mostly the reason. Where the run is no evidence, an
// expectation is unknown, whether it would hold or not.
func Expect(res *result.Result, texts []string) { expectWithin(res, texts, maxSteps) }

// expectWithin is Expect, and begins no expectation when so many steps were taken.
func expectWithin(res *result.Result, texts []string, left uint64) {
	why := noEvidence(res)
	var all []result.Expected
	for i, text := range texts {
		switch {
		case i+len(res.Expectations) >= evidence.MaxExpect:
			all = append(all, unknown(text, fmt.Sprintf("only %d expectations are checked", evidence.MaxExpect)))
		case why != "":
			all = append(all, unknown(text, why))
		case left == 0:
			all = append(all, unknown(text, "those before it took all the time that there is for expectations"))
		default:
			x, steps := check(text, res)
			all, left = append(all, x), left-min(steps, left)
		}
	}
	for i := range all {
		judgeExpected(&res.Verdict, &all[i], res)
	}
	res.Expectations = slices.Concat(res.Expectations, all)
	if n := count(all, result.ExpectedUnknown); n > 0 && res.Verdict.Class == result.Pass {
		res.Verdict.Message += fmt.Sprintf("; whether %s is not known", plural(n, "expectation holds", "expectations hold"))
	}
}

// maxSteps bounds the work for all expectations of a run: a recording, and the file beside a Kbuild, may be anybody's.
const maxSteps = 10 * expect.MaxSteps

// noEvidence says why a run tells nothing of what the modules do, "" if it does.
func noEvidence(res *result.Result) string {
	switch v := &res.Verdict; {
	case v.Class == result.Lost:
		return "what the guest said does not count"
	case v.Class == result.Host:
		return "this machine failed, and not the modules"
	case v.Class == result.Build || v.Class == result.Preflight || res.Machine.Kernel == "":
		return "the modules never ran"
	}
	return ""
}

// check checks an expectation, and returns the steps that this took. It may come from another version's recording,
// which knew other names.
func check(text string, res *result.Result) (x result.Expected, steps uint64) {
	e, err := expect.Compile(text)
	if err != nil {
		return unknown(text, "it is wrong: "+err.Error()), 0
	}
	f, steps := e.CheckCounted(res)
	x = result.Expected{Text: text, Outcome: result.ExpectedFailed, Found: f.Found, Why: f.Unknown, AtNS: f.AtNS}
	switch {
	case f.Holds:
		x.Outcome = result.ExpectedHeld
	case f.Unrecorded:
		x.Outcome = result.ExpectedUnknown
	}
	return x, steps
}

func unknown(text, why string) result.Expected {
	return result.Expected{Text: text, Outcome: result.ExpectedUnknown, Why: why}
}

// judgeExpected lets the verdict say that an expectation does not hold.
func judgeExpected(v *result.Verdict, x *result.Expected, res *result.Result) {
	if x.Outcome != result.ExpectedFailed {
		return
	}
	failed := result.Verdict{
		Class: result.Expectation, Message: shortened(x.Text) + " does not hold", Evidence: x.Found, Hint: compareStory,
	}
	switch {
	case x.Why != "":
		failed.Message += ": " + x.Why
	case len(x.Found) > 0:
		failed.Message += ": " + x.Found[0]
	}
	if v.Class != result.Pass {
		v.Also = append(v.Also, failed)
		return
	}
	addLost(&failed, res)
	*v = failed
}

// compareStory is what to do about an expectation that is not met.
const compareStory = "compare it with the story"

// maxShortened is how much of an expression a verdict's sentence has, in bytes.
const maxShortened = 200

// shortened is an expression on one line, its beginning if it is long.
func shortened(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxShortened {
		return text
	}
	end := maxShortened
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func count(list []result.Expected, outcome result.ExpectedOutcome) (n uint64) {
	for i := range list {
		if list[i].Outcome == outcome {
			n++
		}
	}
	return n
}

// addLost says in a verdict how many records were lost.
func addLost(v *result.Verdict, res *result.Result) {
	n := res.Dropped.Total
	if n == 0 {
		return
	}
	v.Message += fmt.Sprintf("; %s lost, so the story has gaps", plural(n, "trace record was", "trace records were"))
	v.Hint = cmp.Or(v.Hint, "run again with less load, or with a longer period in the module, until no record is lost")
}
