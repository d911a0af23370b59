// SPDX-License-Identifier: MIT

package sheet

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// Report says what became of each grade and each row.
type Report struct {
	Kind     string // Moodle or Canvas
	Column   string // the heading of the column that was filled
	Unscaled int    // grades that the sheet has no maximum for, so that they are written as they are

	Filled    []Entry // were written
	Same      []Entry // were there already
	Kept      []Entry // were not written: Why
	Unmatched []Entry // grades that belong to no row, or to several
	Absent    []Entry // rows for which there is no grade
}

// Entry is a grade or a row of a report.
type Entry struct {
	Student  string
	Line     int    // of the sheet; 0 if it is in no line
	Old, New string // what the cell said, and what was written or would have been
	Why      string
}

// Write writes the report, a line for each grade that was not filled, and a sum of the others.
func (r *Report) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s sheet, column “%s”: %d filled, %d as before, %d not filled, %d not placed\n", r.Kind,
		line(r.Column), len(r.Filled), len(r.Same), len(r.Kept), len(r.Unmatched))
	if r.Unscaled > 0 {
		fmt.Fprintf(b, "the sheet does not say what the maximum is: %d grades are the lab's points as they are\n", r.Unscaled)
	}
	for _, e := range r.Filled {
		if e.Old != "" && e.Old != "-" {
			fmt.Fprintf(b, "replaced: %s: %s instead of %s\n", e.place(), line(e.New), line(e.Old))
		}
	}
	for _, e := range r.Kept {
		fmt.Fprintf(b, "not filled: %s: %s", e.place(), line(e.Why))
		if e.New != "" {
			fmt.Fprintf(b, ": %s stays, the grade is %s", quoted(e.Old), line(e.New))
		}
		fmt.Fprintln(b)
	}
	for _, e := range r.Unmatched {
		fmt.Fprintf(b, "not placed: %s: %s\n", e.place(), line(e.Why))
	}
	for _, e := range r.Absent {
		fmt.Fprintf(b, "no submission: %s\n", e.place())
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the report on a sheet: %w", err)
	}
	return nil
}

// place is whom an entry is about: ada (line 3).
func (e *Entry) place() string {
	if e.Line == 0 {
		return line(e.Student)
	}
	return fmt.Sprintf("%s (line %d)", line(e.Student), e.Line)
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return "“" + line(s) + "”"
}

// line makes a text of the sheet or of a student harmless to a terminal, and bounds it.
func line(s string) string {
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return plain.Text(s)
}
