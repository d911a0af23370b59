// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/internal/plain"
)

func junitTarget() Target {
	return Target{
		Name: "junit", File: "grade.junit.xml",
		For:    "JUnit XML, for CI servers; of a class, a test suite for each student",
		Hidden: "Of one submission they are one test case, “hidden checks”. The file of a class has them all.",
		Points: "As properties of the suite, points and max, and in the messages; a check with some of its points is a " +
			"failure.",
		Unbuilt: "The compiler's first errors are the suite's standard output.",
		Fault:   "One test case, “graded”, with an error.",
		Checked: "xmllint, with the schema of Jenkins' xUnit plugin",
		one: func(g *grade.Grade, env Env) ([]byte, error) {
			return fit(func(lim limits) ([]byte, error) {
				return junitFile([]junit.Suite{suiteOf(g, parts(g, env.Due, lim), grade.NotGraded, lim)}, g.Seconds)
			})
		},
		all: junitOfClass,
	}
}

// junitOfClass writes what there is of each student. Of a check it says little: a class is large.
func junitOfClass(b *grade.Book) ([]byte, error) {
	lim := limits{line: 500, lines: 10}
	var suites []junit.Suite
	for i := range b.Grades {
		g := &b.Grades[i]
		var list []part
		for j := range g.Checks {
			list = append(list, partOf(&g.Checks[j], lim))
		}
		suites = append(suites, suiteOf(g, list, plain.Line(g.Fault, maxReason), lim))
	}
	return junitFile(suites, b.Stats().Seconds)
}

func suiteOf(g *grade.Grade, list []part, fault string, lim limits) junit.Suite {
	about := &junit.Properties{List: []junit.Property{{Name: "submission", Value: plain.Line(g.Submission, maxName)}}}
	s := junit.Suite{Name: title(g), Time: junit.Seconds(g.Seconds * 1000), Properties: about}
	if student := plain.Line(g.Student, maxName); student != "" {
		s.Name += ": " + student
	}
	if at, err := time.Parse(time.RFC3339, g.Graded); err == nil {
		s.Timestamp = at.UTC().Format("2006-01-02T15:04:05")
	}
	s.Out = strings.Join(unbuilt(g, lim), "\n")
	if g.Fault != "" {
		s.Tests, s.Errors = 1, 1
		s.Cases = []junit.Case{{Name: "graded", Class: plain.Line(g.Lab, maxName), Time: s.Time,
			Error: &junit.Fault{Type: "not graded", Message: fault, Text: fault}}}
		return s
	}
	about.List = append(about.List, junit.Property{Name: "points", Value: grade.Format(g.Points)},
		junit.Property{Name: "max", Value: grade.Format(g.Max)})
	for _, p := range list {
		addCase(&s, p, plain.Line(g.Lab, maxName))
	}
	return s
}

func addCase(s *junit.Suite, p part, class string) {
	c := junit.Case{Name: p.name, Class: class, Time: junit.Seconds(0)}
	text := strings.Join(p.told, "\n")
	s.Tests++
	switch p.status {
	case grade.Passed:
		c.Out = text
	case grade.Skipped:
		s.Skipped++
		c.Skipped = &junit.Skipped{Text: text}
	default:
		s.Failures++
		c.Failure = &junit.Fault{Type: string(p.status), Message: p.state(), Text: text}
	}
	s.Cases = append(s.Cases, c)
}

// junitFile adds up the suites.
func junitFile(suites []junit.Suite, seconds float64) ([]byte, error) {
	all := junit.Suites{Name: "kmodlab", Time: junit.Seconds(seconds * 1000), Suites: suites}
	for _, s := range suites {
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	}
	var b bytes.Buffer
	err := junit.Write(&b, &all)
	return b.Bytes(), err
}
