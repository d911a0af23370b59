// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/result"
)

// What CI servers show of a message, and how much log they accept. Their parsers refuse a text of 10 MB.
const (
	maxAttribute = 1000
	maxLog       = 1 << 20
)

// junitSuite is a suite while its cases are added.
type junitSuite struct {
	junit.Suite
	ms float64
}

// JUnit writes the result as JUnit XML: a test case that fails with the verdict, and one for each test that ran beside
// the modules, for each of its subtests, and for each expectation. The checks and the story become the first one's
// standard output, the console its standard error.
func JUnit(w io.Writer, r *result.Result) error {
	return JUnitAll(w, []Named{{Name: runName(r), Took: phasesTime(r), Result: r}})
}

// JUnitAll writes a test suite with the test cases of each run.
func JUnitAll(w io.Writer, runs []Named) error {
	suite := junitSuite{Suite: junit.Suite{Name: "kmodlab"}}
	for _, r := range runs {
		if err := suite.add(r); err != nil {
			return fmt.Errorf("write JUnit report: %w", err)
		}
	}
	suite.about(runs)
	suite.Time = junit.Seconds(suite.ms)
	return junit.Write(w, &junit.Suites{Name: "kmodlab", Tests: suite.Tests, Failures: suite.Failures,
		Errors: suite.Errors, Time: suite.Time, Suites: []junit.Suite{suite.Suite}})
}

// about says where and when the runs took place, as the first run that booted has it.
func (s *junitSuite) about(runs []Named) {
	for _, r := range runs {
		m := &r.Result.Machine
		if s.Timestamp == "" { // in UTC, without a zone, as other writers have it
			s.Timestamp = strings.TrimSuffix(cut(clean(r.Result.Date)), "Z")
		}
		if m.Kernel == "" {
			continue
		}
		s.Name = "kmodlab " + cut(clean(m.Name))
		s.Properties = &junit.Properties{List: []junit.Property{
			{Name: "kernel", Value: cut(clean(m.Kernel))}, {Name: "accel", Value: cut(clean(m.Accel))},
			{Name: "qemu", Value: cut(clean(m.QEMU))},
		}}
		return
	}
}

// add adds a run as a test case.
func (s *junitSuite) add(r Named) error {
	t := junit.Case{Name: cut(clean(r.Name)), Class: "kmodlab", Time: junit.Seconds(float64(r.Took.Microseconds()) / 1000)}
	s.Tests++ // the run itself
	s.ms += float64(r.Took.Microseconds()) / 1000
	v := &r.Result.Verdict
	if v.Class != result.Pass {
		fault := &junit.Fault{Type: cut(clean(string(v.Class))), Message: cut(clean(v.Message)),
			Text: lastLines(strings.Join(verdictLines(v), "\n"))}
		if v.Class.ExitStatus() == 1 {
			t.Failure = fault
			s.Failures++
		} else {
			t.Error = fault
			s.Errors++
		}
	}
	var story bytes.Buffer
	if err := Text(&story, r.Result, TextOptions{}); err != nil {
		return err
	}
	t.Out = strings.Join(checkSummary(checks(r.Result)), "\n") + "\n\n" + lastLines(story.String())
	t.Err = lastLines(cleanLines(r.Result.Console))
	s.Cases = append(s.Cases, t)
	s.addTests(r.Name, r.Result.Tests)
	s.addExpectations(r.Name, r.Result.Expectations)
	return nil
}

// phasesTime is how long a run took, by the host's clock.
func phasesTime(r *result.Result) time.Duration {
	var ms float64
	for _, p := range r.Phases {
		ms += p.MS
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// cut shortens a text to what fits an attribute.
func cut(s string) string {
	if len(s) <= maxAttribute {
		return s
	}
	return strings.ToValidUTF8(s[:maxAttribute], "") + "…"
}

// lastLines keeps the end of a text that is too long.
func lastLines(s string) string {
	if len(s) <= maxLog {
		return s
	}
	s = s[len(s)-maxLog:]
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return "…\n" + strings.ToValidUTF8(s, "")
}

// cleanLines is clean for a text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\r\n"), "\n")
	for i := range lines {
		lines[i] = clean(strings.TrimRight(lines[i], "\r "))
	}
	return strings.Join(lines, "\n")
}
