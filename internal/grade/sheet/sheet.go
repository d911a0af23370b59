// SPDX-License-Identifier: MIT

// Package sheet fills points into a sheet that Moodle or Canvas has exported, and changes nothing else of it: all other
// bytes stay as they are. It is pure. A student who is not found, or found twice, is listed and not guessed: a grade in
// the wrong row is worse than none.
package sheet

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
)

// Options are what the person says of a sheet.
type Options struct {
	// Column is the heading of the column to fill. A Canvas sheet needs it: “Lab 1 (4711)”, or the number alone. Of a
	// Moodle sheet it is Grade, unless Moodle speaks another language.
	Column string
	// Identifier and Max are the headings of a Moodle sheet's first column and of its maxima, if Moodle speaks another
	// language than English.
	Identifier, Max string
	// Roster says what the sheet calls a student whose grade has another name.
	Roster map[string]string
	// Replace replaces grades that are in the sheet already.
	Replace bool
}

// kinds of sheets.
const (
	moodle = "Moodle"
	canvas = "Canvas"
)

// layout is where things are in a sheet, whichever kind it is.
type layout struct {
	kind    string
	column  int   // the one to fill
	numbers []int // columns whose numbers show what the sheet takes for the decimal point

	student  func(row int) bool            // whether a row is a student's
	max      func(row int) (float64, bool) // what the points are scaled to, if that is known
	keeps    func(row int) string          // why this cell must stay, or nothing
	who      func(row int) string          // what the report calls a row
	keysOf   func(row int) []string        // by what a row is found
	keysFrom func(student string) []string // by what a student is looked for
}

// Fill returns the sheet with the points of a class in it, and a report of what was filled, what was not, and why. An
// error means that nothing was filled.
func Fill(data []byte, b *grade.Book, opt Options) ([]byte, *Report, error) {
	t, err := parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read sheet: %w", err)
	}
	if err := b.Valid(); err != nil {
		return nil, nil, fmt.Errorf("fill sheet: %w", err)
	}
	l, err := layoutOf(t, opt)
	if err != nil {
		return nil, nil, fmt.Errorf("read sheet: line 1: %w", err)
	}
	f := filling{t: t, l: l, opt: opt, report: &Report{Kind: l.kind, Column: t.header()[l.column]}}
	f.fill(b)
	return t.bytes(), f.report, nil
}

func layoutOf(t *table, opt Options) (*layout, error) {
	switch {
	case len(t.rows) == 0:
		return nil, errors.New("the sheet is empty")
	case isCanvas(t.header()):
		return canvasLayout(t, opt)
	}
	return moodleLayout(t, opt)
}

// filling is a sheet that is being filled.
type filling struct {
	t       *table
	l       *layout
	opt     Options
	report  *Report
	decimal string
}

func (f *filling) fill(b *grade.Book) {
	f.decimal = f.decimalOf()
	rows := f.index()
	chosen := make(map[int][]*grade.Grade) // by row
	var order []int
	for i := range b.Grades {
		g := &b.Grades[i]
		row, why := f.find(g, rows)
		if why != "" {
			f.report.Unmatched = append(f.report.Unmatched, Entry{Student: g.Student, Why: why})
			continue
		}
		if chosen[row] == nil {
			order = append(order, row)
		}
		chosen[row] = append(chosen[row], g)
	}
	for _, row := range order {
		if grades := chosen[row]; len(grades) == 1 {
			f.put(row, grades[0])
		} else {
			for _, g := range grades {
				f.report.Unmatched = append(f.report.Unmatched, Entry{Student: g.Student, Line: f.t.rows[row].line,
					Why: fmt.Sprintf("%d submissions are of the same student: leave all but one out", len(grades))})
			}
		}
	}
	for row := 1; row < len(f.t.rows); row++ {
		if f.l.student(row) && chosen[row] == nil {
			f.report.Absent = append(f.report.Absent, Entry{Student: f.l.who(row), Line: f.t.rows[row].line})
		}
	}
}

// index has the rows of students by all that they are called.
func (f *filling) index() map[string][]int {
	rows := make(map[string][]int)
	for row := 1; row < len(f.t.rows); row++ {
		if !f.l.student(row) {
			continue
		}
		for _, key := range f.l.keysOf(row) {
			if list := rows[key]; len(list) == 0 || list[len(list)-1] != row {
				rows[key] = append(list, row)
			}
		}
	}
	return rows
}

// find returns the one row of a grade's student, or why there is none.
func (f *filling) find(g *grade.Grade, rows map[string][]int) (int, string) {
	name := g.Student
	if other, ok := f.opt.Roster[name]; ok {
		name = other
	}
	var found []int
	for _, key := range f.l.keysFrom(name) {
		found = append(found, rows[key]...)
	}
	slices.Sort(found)
	switch found = slices.Compact(found); len(found) {
	case 0:
		return 0, "no row has this name or number: say in the roster what the sheet calls this student"
	case 1:
		return found[0], ""
	}
	var lines []string
	for _, row := range found[:min(len(found), 10)] {
		lines = append(lines, strconv.Itoa(f.t.rows[row].line))
	}
	return 0, "several rows have this name or number: lines " + strings.Join(lines, ", ")
}

// put writes a grade into its row, if that may be.
func (f *filling) put(row int, g *grade.Grade) {
	e := Entry{Student: g.Student, Line: f.t.rows[row].line, Old: f.t.value(row, f.l.column)}
	points, why := f.points(row, g)
	e.New = strings.ReplaceAll(grade.Format(points), ".", f.decimal)
	kept := &f.report.Kept
	old, isNumber := number(e.Old)
	switch {
	case why != "":
		e.Why, e.New = why, ""
	case f.l.column >= len(f.t.rows[row].cells):
		e.Why = "the row has no such cell"
	case f.l.keeps(row) != "":
		e.Why = f.l.keeps(row)
	case isNumber && grade.Round(old) == points:
		f.report.Same = append(f.report.Same, e)
		return
	case e.Old == "" || e.Old == "-" || f.opt.Replace:
		f.t.set(row, f.l.column, e.New)
		kept = &f.report.Filled
	default:
		e.Why = "another grade is there"
	}
	*kept = append(*kept, e)
}

// points are those of a grade on the sheet's scale, or why there are none.
func (f *filling) points(row int, g *grade.Grade) (float64, string) {
	if g.Fault != "" {
		return 0, "it could not be graded: " + g.Fault
	}
	limit, known := f.l.max(row)
	if !known || limit == 0 {
		f.report.Unscaled++
		return g.Points, ""
	}
	points, ok := grade.Scaled(g.Points, g.Max, limit)
	if !ok {
		return 0, "the lab has no points"
	}
	return points, ""
}

// decimalOf is the decimal point as the sheet has it: a comma where its numbers have one.
func (f *filling) decimalOf() string {
	for row := 1; row < len(f.t.rows); row++ {
		for _, column := range f.l.numbers {
			cell := f.t.value(row, column)
			if _, ok := number(cell); ok && strings.Contains(cell, ",") && !strings.Contains(cell, ".") {
				return ","
			}
		}
	}
	return "."
}

// number reads a number as Canvas does: the last point or comma is the decimal point, those before it are for readers.
func number(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.,") != "" {
		return 0, false
	}
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		s = strings.NewReplacer(".", "", ",", "").Replace(s[:i]) + "." + s[i+1:]
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && x < 1e9
}

// columnOf finds a heading, in letters of any case.
func columnOf(header []string, name string) int {
	for i, h := range header {
		if strings.EqualFold(h, name) {
			return i
		}
	}
	return -1
}

// ColumnError says that a sheet has no such column, or more than one, and which it has.
type ColumnError struct {
	Name string
	Why  string
	Have []string
}

func (e *ColumnError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s; the sheet has: %s", e.Why, line(strings.Join(e.Have, " | ")))
	}
	return fmt.Sprintf("column “%s”: %s; the sheet has: %s", line(e.Name), e.Why, line(strings.Join(e.Have, " | ")))
}

// only is the place of a heading that must be there, and once.
func only(header []string, name, advice string) (int, error) {
	at := columnOf(header, name)
	if at < 0 {
		return 0, &ColumnError{name, "there is none; " + advice, header}
	}
	if columnOf(header[at+1:], name) >= 0 {
		return 0, &ColumnError{name, "there are several", header}
	}
	return at, nil
}

// fold makes names equal that differ in the case of letters only.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// numbered is a key that no name is equal to: a name has no NUL.
func numbered(s string) string { return "\x00" + s }

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
