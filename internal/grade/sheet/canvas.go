// SPDX-License-Identifier: MIT

package sheet

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// What Canvas' importer looks for.
var (
	canvasTitle  = lazyregexp.New(`^(.*)\s\(([0-9]+)\)$`)                            // of an assignment that exists
	canvasMuted  = lazyregexp.New(`(?i)^\s*(Muted|Manual Posting.*)?\s*$`)           // cells of a row that is no student's
	canvasLocked = lazyregexp.New(`read\s+only`)                                     // in the row of maxima
	canvasFile   = lazyregexp.New(`^(.+?)_(?:LATE_|late_)?([0-9]+)_[0-9]+(?:_.*)?$`) // a submission that was downloaded
)

// isCanvas reports whether a header is one of Canvas.
func isCanvas(header []string) bool {
	return len(header) > 3 && strings.Contains(header[0], "Student") && strings.Contains(header[1], "ID") ||
		len(header) > 4 && header[0] == "LastName" && header[1] == "FirstName" && strings.Contains(header[2], "ID")
}

func canvasLayout(t *table, opt Options) (*layout, error) {
	header := t.header()
	section := columnOf(header, "Section")
	if section < 0 {
		return nil, errors.New("it has no column Section, so Canvas would refuse it: export the gradebook again")
	}
	column, err := canvasColumn(header, section, opt.Column)
	if err != nil {
		return nil, err
	}
	maxima := -1
	for row := 1; row < len(t.rows) && maxima < 0; row++ {
		if strings.Contains(t.value(row, 0), "Points Possible") {
			maxima = row
		}
	}
	if maxima >= 0 && canvasLocked.MatchString(t.value(maxima, column)) {
		return nil, &ColumnError{header[column], "Canvas calls it read only, and ignores what is in it", header}
	}
	id := 1
	if header[0] == "LastName" {
		id = 2
	}
	ids := []int{id, columnOf(header, "SIS User ID"), columnOf(header, "SIS Login ID")}
	return &layout{
		kind: canvas, column: column, numbers: []int{column},
		student: func(row int) bool { return row != maxima && !isMuted(t, row) },
		who:     func(row int) string { return t.value(row, 0) },
		max:     func(int) (float64, bool) { return number(t.canvasMax(maxima, column)) },
		keeps:   func(row int) string { return canvasKeeps(t.value(row, column)) },
		keysOf: func(row int) []string {
			keys := []string{numbered(t.value(row, id) + letters(t.names(row, id)))}
			for _, column := range ids {
				if cell := t.value(row, column); cell != "" {
					keys = append(keys, fold(cell))
				}
			}
			return keys
		},
		keysFrom: func(student string) []string {
			keys := []string{fold(student)}
			if m := canvasFile.FindStringSubmatch(student); m != nil {
				keys = append(keys, numbered(m[2]+letters(m[1])))
			}
			return keys
		},
	}, nil
}

// canvasColumn finds an assignment that exists. Of a title that it does not know, Canvas makes a new assignment.
func canvasColumn(header []string, section int, want string) (int, error) {
	var have []string
	found := -1
	for i := section + 1; i < len(header); i++ {
		m := canvasTitle.FindStringSubmatch(header[i])
		if m == nil {
			continue
		}
		have = append(have, header[i])
		if want != "" && (header[i] == want || m[2] == want) {
			if found >= 0 {
				return 0, &ColumnError{want, "there are several", have}
			}
			found = i
		}
	}
	switch {
	case want == "":
		return 0, &ColumnError{want, "say which column to fill", have}
	case found < 0:
		return 0, &ColumnError{want, "no such assignment is in the sheet, and Canvas would make a new one", have}
	}
	return found, nil
}

// canvasKeeps says why a cell must stay as it is.
func canvasKeeps(cell string) string {
	switch {
	case strings.EqualFold(cell, "EX"):
		return "the student is excused"
	case strings.EqualFold(cell, "N/A"):
		return "the assignment is not for this student"
	}
	return ""
}

// canvasMax is what an assignment is worth.
func (t *table) canvasMax(maxima, column int) string {
	if maxima < 0 {
		return ""
	}
	return t.value(maxima, column)
}

// isMuted reports whether a row says how assignments are posted, or nothing.
func isMuted(t *table, row int) bool {
	for column := range t.rows[row].cells {
		if !canvasMuted.MatchString(t.value(row, column)) {
			return false
		}
	}
	return true
}

// names are the columns before the ID.
func (t *table) names(row, id int) string {
	var all string
	for column := range id {
		all += t.value(row, column)
	}
	return all
}

// letters are those of a name, in the order of the alphabet. The name in a downloaded file's name has no blanks and no
// marks, and may have the family's name first where the sheet has it last.
func letters(s string) string {
	var list []rune
	for _, r := range strings.ToLower(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			list = append(list, r)
		}
	}
	slices.Sort(list)
	return " " + string(list)
}
