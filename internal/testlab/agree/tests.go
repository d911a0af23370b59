// SPDX-License-Identifier: MIT

package agree

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// tests: what became of the programs beside the modules is the same in the verdict, in the JSON and in each format.
func (c *checker) tests() {
	failed, notRun := 0, 0
	for i := range c.r.Tests {
		t := &c.r.Tests[i]
		c.test(t)
		switch t.Outcome {
		case result.TestFail:
			failed++
		case result.TestNotRun:
			notRun++
		}
	}
	classes := []result.Class{c.r.Verdict.Class}
	for _, v := range c.r.Verdict.Also {
		classes = append(classes, v.Class)
	}
	if classes[0] == result.Pass && failed+notRun > 0 {
		c.says("it passes, and %d tests failed and %d did not run", failed, notRun)
	}
	if slices.Contains(classes, result.TestFailed) && failed == 0 && len(c.r.Tests) > 0 {
		c.says("verdict test, and no test failed")
	}
	if c.r.Tests != nil {
		c.formats()
	}
	c.processes()
}

// test: a program's outcome goes with its end.
func (c *checker) test(t *result.Test) {
	ended := t.Signal != "" || t.TimedOut || t.Exit != 0
	switch t.Outcome {
	case result.TestPass:
		if failing(t.Subtests) || t.Untold > 0 {
			c.says("%s passes, and a subtest of it does not", t.Name)
		}
		if t.Reason != "" {
			c.says("%s passes, for a reason: %s", t.Name, t.Reason)
		}
	case result.TestFail, result.TestSkip, result.TestNotRun:
		if t.Reason == "" {
			c.says("%s does not pass, and nothing says why", t.Name)
		}
	}
	if t.Outcome == result.TestSkip && ended && t.Exit != 4 {
		c.says("%s is skipped, and ended with %d %s", t.Name, t.Exit, t.Signal)
	}
	if t.Outcome == result.TestNotRun && (t.PID != 0 || t.Output != "" || t.StartNS != nil) {
		c.says("%s did not run, and has a process or output", t.Name)
	}
	if t.Signal != "" && t.Exit <= 128 {
		c.says("%s ended by %s, and with %d", t.Name, t.Signal, t.Exit)
	}
	if t.StartNS != nil && t.EndNS != nil && *t.EndNS < *t.StartNS {
		c.says("%s ended before it started", t.Name)
	}
	if t.LeftCount < len(t.Left) {
		c.says("%s left %d processes, and %d have names", t.Name, t.LeftCount, len(t.Left))
	}
}

func failing(list []result.Subtest) bool {
	return slices.ContainsFunc(list, func(t result.Subtest) bool {
		return t.Outcome == result.TestFail || t.Outcome == result.TestPass && failing(t.Tests)
	})
}

// leaves and all count subtests: those that consist of no others, and all.
func count(list []result.Subtest) (leaves, all int) {
	for _, t := range list {
		l, a := count(t.Tests)
		if len(t.Tests) == 0 {
			l = 1
		}
		leaves, all = leaves+l, all+1+a
	}
	return leaves, all
}

var (
	textLine = regexp.MustCompile(`^  (pass|FAIL|skip|not run) +\S`)
	ktapLine = regexp.MustCompile(`(?m)^ *(not )?ok \d+`)
)

// formats: each format has all tests.
func (c *checker) formats() {
	want, leaves, all := len(c.r.Tests), 0, 0
	for i := range c.r.Tests {
		l, a := count(c.r.Tests[i].Subtests)
		leaves, all = leaves+l, all+a
	}
	if want == 0 {
		return
	}
	_, rest, _ := strings.Cut(c.text, "The tests\n")
	n := 0
	for line := range strings.Lines(rest) {
		if line == "\n" { // the next part
			break
		}
		if textLine.MatchString(line) {
			n++
		}
	}
	if n != want {
		c.says("the text has %d tests, and the JSON %d", n, want)
	}
	var buf bytes.Buffer
	var suites struct {
		Tests int `xml:"tests,attr"`
		Suite []struct {
			Cases []struct{} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := report.JUnit(&buf, c.r); err != nil {
		c.says("there is no JUnit: %v", err)
	} else if err := xml.Unmarshal(buf.Bytes(), &suites); err != nil {
		c.says("its JUnit cannot be read: %v", err)
	} else if n := 1 + want + leaves; suites.Tests != n || len(suites.Suite) != 1 || len(suites.Suite[0].Cases) != n {
		c.says("its JUnit says %d tests, and the JSON has %d", suites.Tests, n)
	}
	buf.Reset()
	if err := report.KTAP(&buf, c.r); err != nil {
		c.says("there is no KTAP: %v", err)
	} else if n := len(ktapLine.FindAll(buf.Bytes(), -1)); n != 1+want+all {
		c.says("its KTAP has %d results, and the JSON %d", n, 1+want+all)
	}
}

// processes: each belongs to a test, and each call to a process.
func (c *checker) processes() {
	known := map[int]bool{}
	for i := range c.r.Processes {
		p := &c.r.Processes[i]
		known[p.Task.PID] = true
		if p.Test < 0 || p.Test >= len(c.r.Tests) {
			c.says("process %s[%d] belongs to test %d of %d", p.Task.Comm, p.Task.PID, p.Test, len(c.r.Tests))
		}
		if p.Exit != nil && p.KilledBy != "" {
			c.says("process %s[%d] ended with %d and by %s", p.Task.Comm, p.Task.PID, *p.Exit, p.KilledBy)
		}
		if p.StartNS != nil && p.EndNS != nil && *p.EndNS < *p.StartNS {
			c.says("process %s[%d] ended before it started", p.Task.Comm, p.Task.PID)
		}
	}
	for i := range c.r.Calls {
		call := &c.r.Calls[i]
		if !known[call.By.PID] {
			c.says("%s is a call of %s[%d], which is no process", call.Name, call.By.Comm, call.By.PID)
		}
		if call.EndNS != nil && *call.EndNS < call.AtNS {
			c.says("%s of %s[%d] ended before it began", call.Name, call.By.Comm, call.By.PID)
		}
	}
}
