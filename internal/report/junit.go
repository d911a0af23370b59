// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

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
		XMLName    xml.Name        `xml:"testsuite"`
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
		ms         float64
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		Time    string      `xml:"time,attr"`
		Skipped *string     `xml:"skipped"`
		Error   *junitFault `xml:"error"`
		Failure *junitFault `xml:"failure"`
	}
	junitFault struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the result as JUnit XML, with a test case for each verdict class except pass. The story becomes standard
// output, the console standard error.
func JUnit(w io.Writer, r *result.Result) error {
	suite, err := newSuite("kmodlab "+clean(r.Machine.Name), r)
	if err != nil {
		return err
	}
	return writeSuites(w, []junitSuite{suite})
}

func newSuite(name string, r *result.Result) (junitSuite, error) {
	suite := junitSuite{Name: name}
	for _, p := range r.Phases {
		suite.ms += p.MS
	}
	suite.Time = seconds(suite.ms)
	suite.Properties = []junitProperty{
		{"verdict", cut(clean(string(r.Verdict.Class)))}, {"kernel", cut(clean(r.Machine.Kernel))},
		{"accel", cut(clean(r.Machine.Accel))}, {"qemu", cut(clean(r.Machine.QEMU))},
		{"lost_records", fmt.Sprint(r.Dropped.Total)},
	}
	for _, c := range checks(r) {
		suite.add(c, r.Phases)
	}
	var story bytes.Buffer
	if err := Text(&story, r, TextOptions{}); err != nil {
		return suite, err
	}
	suite.Out = lastLines(story.String())
	suite.Err = lastLines(cleanLines(r.Console))
	return suite, nil
}

func writeSuites(w io.Writer, suites []junitSuite) error {
	all := junitSuites{Name: "kmodlab", Suites: suites}
	var ms float64
	for _, s := range suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		ms += s.ms
	}
	all.Time = seconds(ms)
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

func (s *junitSuite) add(c check, phases []result.Phase) {
	t := junitCase{Name: string(c.name), Class: "kmodlab", Time: seconds(0)}
	for _, p := range phases {
		if p.Name == string(c.name) { // only the build is also a phase
			t.Time = seconds(p.MS)
		}
	}
	s.Tests++
	fault := &junitFault{Type: string(c.name), Message: cut(c.text),
		Text: lastLines(strings.Join(append([]string{c.text}, c.detail...), "\n"))}
	switch c.state {
	case checkFailed:
		t.Failure = fault
		s.Failures++
	case checkBroken:
		t.Error = fault
		s.Errors++
	case checkSkipped:
		t.Skipped = &c.text
		s.Skipped++
	}
	s.Cases = append(s.Cases, t)
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
