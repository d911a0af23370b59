// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"cmp"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/result"
)

// What is shown of a test that failed.
const (
	testLines    = 12 // of its output
	testSubtests = 20 // that failed
)

// outcomeWords are the outcomes of tests as people read them.
var outcomeWords = map[result.TestOutcome]string{
	result.TestPass: "pass", result.TestFail: "FAIL", result.TestSkip: "skip", result.TestXFail: "xfail",
	result.TestNotRun: "not run",
}

var outcomeColors = map[result.TestOutcome]color{
	result.TestPass: green, result.TestFail: red, result.TestSkip: yellow, result.TestXFail: yellow,
	result.TestNotRun: yellow,
}

// tests shows how each test ended, and more of those that failed.
func (p *printer) tests(list []result.Test) {
	if len(list) == 0 {
		return
	}
	p.title("The tests")
	width := 0
	for i := range list {
		width = max(width, cells(clean(list[i].Name)))
	}
	for i := range list {
		t := &list[i]
		p.test(t, min(width, p.opt.Width/3))
		if t.Outcome == result.TestFail || p.opt.Verbose {
			p.inside(t)
		}
	}
}

func (p *printer) test(t *result.Test, width int) {
	word := outcomeWords[t.Outcome]
	text := ""
	if t.Outcome != result.TestNotRun {
		text = span(int64(t.MS * 1e6))
	}
	if n := countSubtests(t.Subtests); n > 0 && t.Outcome == result.TestPass { // else the reason counts them
		text = joined(text, plural(uint64(n), "subtest", "subtests"))
	}
	text = joined(text, clean(t.Reason))
	if n := max(t.LeftCount, len(t.Left)); n > 0 {
		text = joined(text, fmt.Sprintf("it left %s, which %s ended: %s", plural(uint64(n), "process", "processes"),
			was(n), leftNames(t.Left, n)))
	}
	// A long name leaves room for the rest.
	head := fmt.Sprintf("  %-7s  %s  ", word, padded(clip(clean(t.Name), max(width, p.opt.Width/2)), width))
	for i, line := range p.hanging(head, text) {
		if i == 0 {
			line = strings.Replace(line, word, p.paint(outcomeColors[t.Outcome], word), 1)
		}
		fmt.Fprintln(p.w, line)
	}
}

// mostLeft is how many processes that a test left are named.
const mostLeft = 5

func leftNames(names []string, n int) string {
	names = names[:min(len(names), mostLeft)]
	text := clean(strings.Join(names, ", "))
	if more := n - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

func padded(s string, width int) string { return s + strings.Repeat(" ", max(0, width-cells(s))) }

// inside shows which subtests failed, and the end of the output.
func (p *printer) inside(t *result.Test) {
	failed := failedSubtests(t.Subtests, "")
	for i, f := range failed {
		if i == testSubtests && !p.opt.Verbose {
			p.para("             ", fmt.Sprintf("… %d more subtests failed, see --json or -v", len(failed)-i))
			break
		}
		p.para("             ", "not ok: "+clean(f.name))
		for _, note := range f.notes {
			p.para("               ", clean(note))
		}
	}
	lines := strings.Split(strings.TrimRight(t.Output, "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return
	}
	if !p.opt.Verbose && len(lines) > testLines {
		p.para("             ", fmt.Sprintf("… %s of its output before these, see --json or -v",
			plural(uint64(len(lines)-testLines), "line", "lines")))
		lines = lines[len(lines)-testLines:]
	}
	for _, line := range lines {
		p.para("           | ", clean(strings.TrimRight(line, "\r ")))
	}
}

type failedSubtest struct {
	name  string
	notes []string
}

// failedSubtests are the innermost tests that failed, with the names of those around them.
func failedSubtests(list []result.Subtest, within string) []failedSubtest {
	var all []failedSubtest
	for i, t := range list {
		name := within + cmp.Or(t.Name, fmt.Sprintf("number %d", i+1))
		inner := failedSubtests(t.Tests, name+" / ")
		if len(inner) == 0 && t.Outcome == result.TestFail {
			inner = []failedSubtest{{name, t.Notes}}
		}
		all = append(all, inner...)
	}
	return all
}

// countSubtests counts the innermost tests.
func countSubtests(list []result.Subtest) (n int) {
	for _, t := range list {
		n += max(1, countSubtests(t.Tests))
	}
	return n
}

// addTests adds a run's tests, and their subtests, as test cases beside that of the run.
func (s *junitSuite) addTests(run string, list []result.Test) {
	for i := range list {
		t := &list[i]
		c := junit.Case{Name: cut(clean(t.Name)), Class: "kmodlab." + cut(clean(run)), Time: junit.Seconds(t.MS)}
		c.Out = lastLines(cleanLines(t.Output))
		s.addCase(c, t.Outcome, t.Reason)
		s.addSubtests(c.Class+"."+c.Name, t.Subtests)
	}
}

func (s *junitSuite) addSubtests(class string, list []result.Subtest) {
	for i, t := range list {
		name := cut(clean(cmp.Or(t.Name, fmt.Sprintf("number %d", i+1))))
		if len(t.Tests) > 0 {
			s.addSubtests(cut(class+"."+name), t.Tests)
			continue
		}
		c := junit.Case{Name: name, Class: cut(class), Time: junit.Seconds(0)}
		s.addCase(c, t.Outcome, strings.Join(append([]string{t.Reason}, t.Notes...), "\n"))
	}
}

func (s *junitSuite) addCase(c junit.Case, outcome result.TestOutcome, reason string) {
	s.Tests++
	reason = strings.TrimSpace(cleanLines(reason))
	switch outcome {
	case result.TestFail:
		s.Failures++
		c.Failure = &junit.Fault{Type: "test", Message: cut(cmp.Or(reason, "it failed")), Text: lastLines(reason)}
	case result.TestSkip, result.TestNotRun, result.TestXFail:
		s.Skipped++
		c.Skipped = &junit.Skipped{Text: cut(cmp.Or(reason, outcomeWords[outcome]))}
	}
	s.Cases = append(s.Cases, c)
}

// ktapTests writes a run's tests as subtests of the run's own.
func ktapTests(buf *bufio.Writer, list []result.Test) {
	for i := range list {
		t := &list[i]
		ktapSubtests(buf, "    ", t.Subtests)
		ktapResult(buf, "  ", i+1, t.Name, t.Outcome, t.Reason)
	}
}

func ktapSubtests(buf *bufio.Writer, indent string, list []result.Subtest) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(buf, "%sKTAP version 1\n%s1..%d\n", indent, indent, len(list))
	for i, t := range list {
		ktapSubtests(buf, indent+"  ", t.Tests)
		for _, note := range t.Notes {
			ktapNote(buf, indent, note)
		}
		ktapResult(buf, indent, i+1, t.Name, t.Outcome, t.Reason)
	}
}

// ktapNote writes a diagnostic line. Its blanks keep a text from being taken for a header: # Subtest: name.
func ktapNote(buf *bufio.Writer, indent, text string) {
	fmt.Fprintf(buf, "%s#   %s\n", indent, ktapText(clean(text)))
}

func ktapResult(buf *bufio.Writer, indent string, n int, name string, outcome result.TestOutcome, reason string) {
	if outcome == result.TestFail && reason != "" {
		ktapNote(buf, indent, reason)
	}
	ok, directive := "ok", ""
	switch outcome {
	case result.TestFail:
		ok = "not ok"
	case result.TestXFail:
		directive = " # XFAIL " + ktapText(clean(reason))
	case result.TestSkip, result.TestNotRun:
		directive = " # SKIP " + ktapText(clean(reason))
	}
	name = cmp.Or(ktapName(name), fmt.Sprintf("number %d", n)) // a result without a name is none to the kernel's parser
	fmt.Fprintf(buf, "%s%s %d %s%s\n", indent, ok, n, name, strings.TrimRight(directive, " "))
}
