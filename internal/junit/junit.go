// SPDX-License-Identifier: MIT

// Package junit has the elements of JUnit's XML, in the order that Jenkins' schema demands, and writes them. It is
// pure. Whoever fills them in takes control characters out of the texts: no XML can hold them.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
)

// Suites is the whole file. Some readers want its sums, some look only at those of the suites.
type Suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []Suite  `xml:"testsuite"`
}

// Suite is a list of test cases.
type Suite struct {
	XMLName    xml.Name    `xml:"testsuite"`
	Name       string      `xml:"name,attr"`
	Tests      int         `xml:"tests,attr"`
	Failures   int         `xml:"failures,attr"`
	Errors     int         `xml:"errors,attr"`
	Skipped    int         `xml:"skipped,attr"`
	Time       string      `xml:"time,attr"`
	Timestamp  string      `xml:"timestamp,attr,omitempty"` // in UTC, without a zone, as other writers have it
	Properties *Properties `xml:"properties"`
	Cases      []Case      `xml:"testcase"`
	Out        string      `xml:"system-out,omitempty"`
}

// Properties says what a suite was run on.
type Properties struct {
	List []Property `xml:"property"`
}

// Property is a name and a value.
type Property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// Case is a test case. It has one of Error, Failure and Skipped at most.
type Case struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr"`
	Error   *Fault   `xml:"error"`
	Failure *Fault   `xml:"failure"`
	Skipped *Skipped `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
	Err     string   `xml:"system-err,omitempty"`
}

// Skipped says why a case was skipped. By the schema, it has no attributes.
type Skipped struct {
	Text string `xml:",chardata"`
}

// Fault is a failure, or an error of what tests.
type Fault struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Write writes a file.
func Write(w io.Writer, all *Suites) error {
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

// Seconds are milliseconds as an attribute of time.
func Seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }
