// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/result"
)

// expectedWords are the outcomes of expectations as people read them.
var expectedWords = map[result.ExpectedOutcome]string{
	result.ExpectedHeld: "held", result.ExpectedFailed: "FAILED", result.ExpectedUnknown: "not known",
}

var expectedColors = map[result.ExpectedOutcome]color{
	result.ExpectedHeld: green, result.ExpectedFailed: red, result.ExpectedUnknown: yellow,
}

// oneLine is an expression, which may have several lines, on one.
func oneLine(text string) string { return clean(strings.Join(strings.Fields(text), " ")) }

// insteadOf says what was found instead of what was expected, or why it is not known, a sentence each.
func insteadOf(x *result.Expected) []string {
	lines := x.Found
	if len(lines) == 0 && x.Why != "" {
		lines = []string{x.Why}
	}
	var all []string
	for _, line := range lines {
		all = append(all, clean(line))
	}
	if x.AtNS != nil && x.Outcome == result.ExpectedFailed {
		all = append(all, "see the story at "+moment(*x.AtNS))
	}
	return all
}

// expectations shows what became of each expectation, and what was found instead.
func (p *printer) expectations(list []result.Expected) {
	if len(list) == 0 {
		return
	}
	p.title("The expectations")
	for i := range list {
		x := &list[i]
		word := cmp.Or(expectedWords[x.Outcome], "not known")
		for i, line := range p.hanging(fmt.Sprintf("  %-9s  ", word), oneLine(x.Text)) {
			if i == 0 {
				line = strings.Replace(line, word, p.paint(expectedColors[x.Outcome], word), 1)
			}
			fmt.Fprintln(p.w, line)
		}
		for _, line := range insteadOf(x) {
			p.para("               ", line)
		}
	}
}

// markdownExpectations writes a table of the expectations.
func markdownExpectations(buf io.Writer, list []result.Expected) {
	if len(list) == 0 {
		return
	}
	fmt.Fprint(buf, "\n| expected | | found instead |\n|---|---|---|\n")
	for i := range list {
		x := &list[i]
		fmt.Fprintf(buf, "| %s | %s | %s |\n", cell(cut(oneLine(x.Text))), cmp.Or(expectedWords[x.Outcome], "not known"),
			cell(cut(strings.Join(insteadOf(x), "; "))))
	}
}

// addExpectations adds a run's expectations as test cases beside that of the run.
func (s *junitSuite) addExpectations(run string, list []result.Expected) {
	for i := range list {
		x := &list[i]
		c := junit.Case{Name: cut(oneLine(x.Text)), Class: "kmodlab." + cut(clean(run)) + ".expectations",
			Time: junit.Seconds(0)}
		lines := insteadOf(x)
		first, said := strings.Join(lines[:min(len(lines), 1)], ""), strings.Join(lines, "\n")
		s.Tests++
		switch x.Outcome {
		case result.ExpectedHeld:
		case result.ExpectedFailed:
			s.Failures++
			c.Failure = &junit.Fault{Type: string(result.Expectation), Message: cut(cmp.Or(first, "it does not hold")),
				Text: lastLines(said)}
		default:
			s.Skipped++
			c.Skipped = &junit.Skipped{Text: cut(cmp.Or(said, "not known"))}
		}
		s.Cases = append(s.Cases, c)
	}
}

// ktapExpectations writes a run's expectations as subtests of the run's own, after so many tests.
func ktapExpectations(buf *bufio.Writer, after int, list []result.Expected) {
	for i := range list {
		x := &list[i]
		said, outcome, reason := insteadOf(x), result.TestPass, ""
		switch x.Outcome {
		case result.ExpectedHeld:
		case result.ExpectedFailed:
			outcome = result.TestFail
			for _, line := range said {
				ktapNote(buf, "  ", line)
			}
		default:
			outcome, reason = result.TestSkip, strings.Join(said, "; ")
		}
		ktapResult(buf, "  ", after+i+1, cut(oneLine(x.Text)), outcome, reason)
	}
}

// untold says why nobody knows whether a run is as expected, "" if that is known.
func untold(r *result.Result) string {
	for i := range r.Expectations {
		if r.Expectations[i].Outcome == result.ExpectedUnknown {
			return "not all expectations can be told"
		}
	}
	return ""
}
