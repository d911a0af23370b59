// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// marks are what stands before a check.
var marks = map[grade.Status]string{
	grade.Passed: "ok     ", grade.Partial: "partly ", grade.Failed: "NOT OK ", grade.Skipped: "skipped",
	grade.Unknown: "unknown",
}

// writeChecks says what became of each check, in words.
func writeChecks(w io.Writer, g *grade.Grade) {
	if g.Fault != "" {
		fmt.Fprintf(w, "It could not be checked: %s\n", plain.Text(g.Fault))
		return
	}
	for i := range g.Checks {
		writeCheck(w, &g.Checks[i])
	}
	fmt.Fprintf(w, "\n%s of %s points\n", grade.Format(g.Points), grade.Format(g.Max))
}

// writeCheck says what became of one check.
func writeCheck(w io.Writer, c *grade.Check) {
	fmt.Fprintf(w, "%s  %s", marks[c.Status], plain.Text(c.Name()))
	if c.Max > 0 {
		fmt.Fprintf(w, " (%s of %s)", grade.Format(c.Points), grade.Format(c.Max))
	}
	fmt.Fprintln(w)
	for _, sentence := range c.Say {
		fmt.Fprintf(w, "         %s\n", plain.Text(sentence))
	}
	if c.Story != "" {
		fmt.Fprintf(w, "         in the story: %s\n", plain.Text(c.Story))
	}
	if c.Line > 0 {
		fmt.Fprintf(w, "         look at %s:%d\n", plain.Text(c.File), c.Line)
	}
	if c.Hint != "" && c.Status != grade.Passed {
		fmt.Fprintf(w, "         hint: %s\n", plain.Text(c.Hint))
	}
}

// writeFirstFailed says in full what the first check found that does not pass, and of the others how many there are.
func writeFirstFailed(w io.Writer, g *grade.Grade) {
	if g.Fault != "" {
		writeChecks(w, g)
		return
	}
	first := slices.IndexFunc(g.Checks, func(c grade.Check) bool { return c.Status != grade.Passed })
	if first < 0 {
		fmt.Fprintf(w, "all %d checks pass, %s of %s points\n", len(g.Checks), grade.Format(g.Points), grade.Format(g.Max))
		return
	}
	writeCheck(w, &g.Checks[first])
	passed := 0
	for _, c := range g.Checks {
		if c.Status == grade.Passed {
			passed++
		}
	}
	fmt.Fprintf(w, "\n%d of %d checks pass, %s of %s points\n", passed, len(g.Checks), grade.Format(g.Points),
		grade.Format(g.Max))
}

func allPassed(g *grade.Grade) bool {
	return !slices.ContainsFunc(g.Checks, func(c grade.Check) bool { return c.Status != grade.Passed })
}
