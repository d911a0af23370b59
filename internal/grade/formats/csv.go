// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/csv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

func csvTarget() Target {
	return Target{
		Name: "csv", File: "grades.csv",
		For:     "A spreadsheet of the class, for the lecturer",
		Hidden:  "They are columns as all others: the file is not for students.",
		Points:  "As they are, as numbers, with a point.",
		Unbuilt: "The column “built” says “no”.",
		Fault:   "The points are empty, and the column “fault” says why.",
		Checked: "RFC 4180, by Go's reader; and no cell begins like a formula, whichever separator the spreadsheet takes",
		all:     csvOfClass,
	}
}

func csvOfClass(b *grade.Book) ([]byte, error) {
	head := []string{"student", "submission", "points", "max", "built", "fault"}
	for _, c := range b.ByCheck() {
		head = append(head, cell(c.ID))
	}
	rows := [][]string{head}
	for i := range b.Grades {
		g := &b.Grades[i]
		row := []string{cell(g.Student), cell(g.Submission), grade.Format(g.Points), grade.Format(g.Max), "yes",
			cell(g.Fault)}
		if len(g.Build) > 0 {
			row[4] = "no"
		}
		if g.Fault != "" {
			row[2], row[4] = "", ""
		}
		for j := range head[6:] {
			points := ""
			if g.Fault == "" {
				points = grade.Format(g.Checks[j].Points)
			}
			row = append(row, points)
		}
		rows = append(rows, row)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	err := w.WriteAll(rows)
	return out.Bytes(), err
}

// cell makes a text a cell that no spreadsheet takes for a formula: an apostrophe goes before each character that would
// begin one. A spreadsheet that takes another separator than the comma begins cells in the middle of ours, so what
// follows a separator or a quote gets one as well.
func cell(s string) string {
	s = plain.Line(s, maxReason)
	var b strings.Builder
	begins := true
	for _, r := range s {
		switch {
		case begins && strings.ContainsRune("=+-@＝＋－＠", r):
			b.WriteByte('\'')
			begins = false
		case strings.ContainsRune(`,;|"`, r):
			begins = true
		case r != ' ':
			begins = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
