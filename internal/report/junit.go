// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/result"
)

// What CI servers show of a message, and how much log they accept. Their parsers refuse a text of 10 MB.
const (
	maxAttribute = 1000
	maxLog       = 1 << 20
)

// The elements of JUnit's XML, in the order that Jenkins' schema demands.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		XMLName    xml.Name         `xml:"testsuite"`
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr,omitempty"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`
		ms         float64
	}
	junitProperties struct {
		List []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Error   *junitFault   `xml:"error"`
		Failure *junitFault   `xml:"failure"`
		Skipped *junitSkipped `xml:"skipped"`
		Out     string        `xml:"system-out,omitempty"`
		Err     string        `xml:"system-err,omitempty"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitFault struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the result as JUnit XML: a test case that fails with the verdict, and one for each test that ran beside
// the modules and for each of its subtests. The checks and the story become the first one's standard output, the
// console its standard error.
func JUnit(w io.Writer, r *result.Result) error {
	return JUnitAll(w, []Named{{Name: runName(r), Took: phasesTime(r), Result: r}})
}

// JUnitAll writes a test suite with the test cases of each run.
func JUnitAll(w io.Writer, runs []Named) error {
	suite := junitSuite{Name: "kmodlab"}
	for _, r := range runs {
		if err := suite.add(r); err != nil {
			return fmt.Errorf("write JUnit report: %w", err)
		}
	}
	suite.about(runs)
	suite.Time = seconds(suite.ms)
	all := junitSuites{Name: "kmodlab", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors,
		Time: suite.Time, Suites: []junitSuite{suite}}
	io.WriteString(w, xml.Header)
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("write JUnit report: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write JUnit report: %w", err)
	}
	return nil
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
		s.Properties = &junitProperties{[]junitProperty{
			{"kernel", cut(clean(m.Kernel))}, {"accel", cut(clean(m.Accel))}, {"qemu", cut(clean(m.QEMU))},
		}}
		return
	}
}

// add adds a run as a test case.
func (s *junitSuite) add(r Named) error {
	t := junitCase{Name: cut(clean(r.Name)), Class: "kmodlab", Time: seconds(float64(r.Took.Microseconds()) / 1000)}
	s.Tests++ // the run itself
	s.ms += float64(r.Took.Microseconds()) / 1000
	v := &r.Result.Verdict
	if v.Class != result.Pass {
		fault := &junitFault{Type: cut(clean(string(v.Class))), Message: cut(clean(v.Message)),
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

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }

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
