// SPDX-License-Identifier: MIT

package sheet

import (
	"cmp"
	"errors"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// The headings of Moodle's grading worksheet in English. In other languages the person names those that matter.
const (
	moodleIdentifier = "Identifier"
	moodleGrade      = "Grade"
	moodleMax        = "Maximum Grade"
)

// moodleFolder is what Moodle calls the folder of a submission when all are downloaded. The number is that of the
// identifier, “Participant 123”.
var moodleFolder = lazyregexp.New(`_([0-9]+)_assignsubmission_[a-z]+_?$`)

func moodleLayout(t *table, opt Options) (*layout, error) {
	header := t.header()
	const advice = "if this is a worksheet of Moodle in another language, say what it calls the column"
	id, err := only(header, cmp.Or(opt.Identifier, moodleIdentifier), advice)
	if err != nil {
		return nil, err
	}
	column, err := only(header, cmp.Or(opt.Column, moodleGrade), advice)
	if err != nil {
		return nil, err
	}
	if columnOf(header, "Scale") >= 0 {
		return nil, errors.New("the assignment is graded by a scale of words: choose points in its settings")
	}
	limit := columnOf(header, cmp.Or(opt.Max, moodleMax))
	if limit < 0 && opt.Max != "" {
		return nil, &ColumnError{opt.Max, "there is none", header}
	}
	name, locked := columnOf(header, "Full name"), columnOf(header, "Grade can be changed")
	columns := []int{id, name, columnOf(header, "Email address"), columnOf(header, "ID number"),
		columnOf(header, "Username")}
	return &layout{
		kind: moodle, column: column, numbers: []int{column, limit},
		student: func(row int) bool { return t.value(row, id) != "" },
		who: func(row int) string {
			return cmp.Or(t.value(row, name), t.value(row, id))
		},
		max: func(row int) (float64, bool) { return number(t.value(row, limit)) },
		keeps: func(row int) string {
			if strings.EqualFold(t.value(row, locked), "no") {
				return "Moodle has locked this grade"
			}
			return ""
		},
		keysOf: func(row int) []string {
			keys := []string{numbered(numberAtEnd(t.value(row, id)))}
			for _, column := range columns {
				if cell := t.value(row, column); cell != "" {
					keys = append(keys, fold(cell))
				}
			}
			return keys
		},
		keysFrom: func(student string) []string {
			keys := []string{fold(student)}
			if digits(student) {
				keys = append(keys, numbered(student))
			}
			if m := moodleFolder.FindStringSubmatch(student); m != nil {
				keys = append(keys, numbered(m[1]))
			}
			return keys
		},
	}, nil
}

// numberAtEnd is the number of an identifier, in whatever language Moodle says “Participant”.
func numberAtEnd(s string) string {
	return s[len(strings.TrimRight(s, "0123456789")):]
}
