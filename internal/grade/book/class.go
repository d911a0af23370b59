// SPDX-License-Identifier: MIT

package book

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// class is what the gradebook has.
type class struct {
	Title, Lab, Max string
	About           []string
	Facts           []fact
	Columns         []column
	Rows            []row
	LeftOut         int // rows for which there is no room
	Bars            []bar
	MostFailed      string
	Checks          []checkRow
	NotGraded       []row
	Unbuilt         []row
	Crashes         []crash
	Slowest         []row
	SameFiles       []alike
	SameStories     []alike
	Known           bool // the lab's own stories are known
}

// fact is a figure of the class.
type fact struct{ Name, Value string }

// column is a check of the table.
type column struct{ Name, ID, Max, Label string }

// row is a student.
type row struct {
	ID        string // of the section that tells more
	Student   string
	Note      string // which of several submissions it is
	Points    string
	Value     float64
	Graded    bool
	Why       string // it could not be graded
	Cells     []cell
	Build     []string
	Checks    []check // those that did not pass
	More      int     // of these, for which there is no room
	Crashes   []crash
	Seconds   string
	Page      string
	About     []string
	SameAs    string // students with the same files
	AlikeAs   string // students with the same story
	AllPassed bool
}

type cell struct {
	mark
	Points string
	Value  float64
}

// link is a student's name, and where more is told.
type link struct{ ID, Student string }

// alike are students who have something in common.
type alike struct {
	Students []link
	Hash     string
}

func newClass(b *grade.Book, o *Options) *class {
	c := &class{Title: title(b.Lab, b.LabTitle), Lab: name(b.Lab), Max: grade.Format(b.Max), Known: len(o.Known) > 0}
	stats := b.Stats()
	c.Facts = facts(b, stats)
	c.About = aboutClass(b, stats)
	rows := allRows(b, o)
	c.addAlike(b, o, rows)
	shown := min(len(rows), maxCells/max(1, columnsOf(b)))
	c.Rows, c.LeftOut = rows[:shown], len(rows)-shown
	for i := range rows {
		switch {
		case !rows[i].Graded:
			c.NotGraded = append(c.NotGraded, rows[i])
		case len(rows[i].Build) > 0:
			c.Unbuilt = append(c.Unbuilt, rows[i])
		}
	}
	c.Bars = bars(b)
	c.addChecks(b)
	c.Crashes = crashes(b)
	for _, g := range b.Slowest(slowest) {
		i := slices.IndexFunc(b.Grades, func(other grade.Grade) bool {
			return other.Student == g.Student && other.Submission == g.Submission
		})
		if g.Seconds > 0 {
			c.Slowest = append(c.Slowest, rows[i])
		}
	}
	return c
}

// slowest is how many of the slowest submissions are shown.
const slowest = 10

func columnsOf(b *grade.Book) int {
	n := 0
	for i := range b.Grades {
		n = max(n, len(b.Grades[i].Checks))
	}
	return n
}

// allRows makes a row for each grade. The details of all students have a bound together.
func allRows(b *grade.Book, o *Options) []row {
	rows := make([]row, len(b.Grades))
	times := make(map[string]int)
	for i := range b.Grades {
		times[b.Grades[i].Student]++
	}
	room := maxDetails / max(1, len(b.Grades))
	for i := range b.Grades {
		g := &b.Grades[i]
		r := newRow(g, room)
		r.ID = fmt.Sprintf("s-%d", i+1)
		if times[g.Student] > 1 {
			r.Note = "submission " + plain.Line(g.Submission, 12)
		}
		if o.Page != nil {
			r.Page = o.Page(g)
		}
		rows[i] = r
	}
	return rows
}

func newRow(g *grade.Grade, room int) row {
	r := row{Student: student(g), Graded: g.Fault == "", Seconds: seconds(g.Seconds), About: about(g)}
	for i := range g.Crashes {
		r.Crashes = append(r.Crashes, newCrash(&g.Crashes[i]))
	}
	r.Crashes = r.Crashes[:min(len(r.Crashes), 5)]
	if !r.Graded {
		r.Why = plain.Line(g.Fault, maxLine)
		return r
	}
	r.Points, r.Value = grade.Format(g.Points), g.Points
	r.Build = plain.Several(g.Build, maxLine, maxBuild)
	r.AllPassed = true
	for i := range g.Checks {
		c := &g.Checks[i]
		r.Cells = append(r.Cells, cell{markOf(c.Status), grade.Format(c.Points), c.Points})
		if c.Status == grade.Passed {
			continue
		}
		r.AllPassed = false
		show := newCheck(c)
		if room -= show.size(); room < 0 {
			r.More++
			continue
		}
		r.Checks = append(r.Checks, show)
	}
	return r
}

func facts(b *grade.Book, s grade.Stats) []fact {
	list := []fact{{"submissions", fmt.Sprint(s.Submissions)}, {"graded", fmt.Sprint(s.Graded)}}
	list = append(list, fact{"not graded", fmt.Sprint(s.Faults)}, fact{"do not build", fmt.Sprint(s.Unbuilt)})
	if s.Graded == 0 {
		return list
	}
	return append(list, fact{"mean", grade.Format(s.Mean)}, fact{"median", grade.Format(s.Median)},
		fact{"lowest to highest", grade.Format(s.Lowest) + " to " + grade.Format(s.Highest)},
		fact{"standard deviation", grade.Format(s.Deviation)})
}

func aboutClass(b *grade.Book, s grade.Stats) []string {
	var last string
	var kernels []string
	for i := range b.Grades {
		last = max(last, b.Grades[i].Graded)
		for _, k := range b.Grades[i].Kernels {
			if !slices.Contains(kernels, k) && len(kernels) < 10 {
				kernels = append(kernels, k)
			}
		}
	}
	var list []string
	if at := day(last); at != "" {
		list = append(list, "graded "+at)
	}
	if len(kernels) > 0 {
		slices.Sort(kernels)
		list = append(list, name(strings.Join(kernels, ", ")))
	}
	if s.Seconds > 0 {
		list = append(list, seconds(s.Seconds)+" of grading")
	}
	return list
}

// addAlike marks the rows of students who have something in common.
func (c *class) addAlike(b *grade.Book, o *Options, rows []row) {
	for _, g := range sameFiles(b, o.Known) {
		c.SameFiles = append(c.SameFiles, alike{links(rows, g.members), plain.Line(g.key, maxHash)})
		for _, i := range g.members {
			rows[i].SameAs = others(b, rows, g.members, i)
		}
	}
	for _, g := range sameStories(b, o.Known) {
		c.SameStories = append(c.SameStories, alike{links(rows, g.members), plain.Line(g.key, maxHash)})
		for _, i := range g.members {
			rows[i].AlikeAs = others(b, rows, g.members, i)
		}
	}
}

func links(rows []row, members []int) []link {
	var list []link
	for _, i := range members {
		list = append(list, link{rows[i].ID, rows[i].Student})
	}
	return list
}

// others names the members of a group who are not the student of a row; of many, the first.
func others(b *grade.Book, rows []row, members []int, self int) string {
	const most = 5
	var names []string
	more := 0
	for _, i := range members {
		switch {
		case b.Grades[i].Student == b.Grades[self].Student || slices.Contains(names, rows[i].Student):
		case len(names) == most:
			more++
		default:
			names = append(names, rows[i].Student)
		}
	}
	if more > 0 {
		names = append(names, count(more, "other", "others"))
	}
	return strings.Join(names, ", ")
}

// crash is a place at which the kernel complained, and about whom.
type crash struct {
	Class, Place, Message, Scenario string
	Students                        []link
	More                            int
}

func newCrash(c *grade.Crash) crash {
	return crash{Class: cmp.Or(name(c.Class), "crash"), Place: cmp.Or(name(c.Place), "place not known"),
		Message: plain.Line(c.Message, maxLine), Scenario: name(c.Scenario)}
}

// crashes are grouped by class and place, those of most students first.
func crashes(b *grade.Book) []crash {
	const mostStudents, mostCrashes = 20, 200
	at := make(map[[2]string]int)
	var list []crash
	for i := range b.Grades {
		seen := make(map[[2]string]bool)
		for j := range b.Grades[i].Crashes {
			next := newCrash(&b.Grades[i].Crashes[j])
			key := [2]string{next.Class, next.Place}
			if seen[key] {
				continue
			}
			seen[key] = true
			k, ok := at[key]
			if !ok {
				k = len(list)
				at[key] = k
				list = append(list, next)
			}
			if len(list[k].Students) == mostStudents {
				list[k].More++
				continue
			}
			list[k].Students = append(list[k].Students, link{fmt.Sprintf("s-%d", i+1), student(&b.Grades[i])})
		}
	}
	slices.SortStableFunc(list, func(x, y crash) int { return cmp.Compare(y.Count(), x.Count()) })
	return list[:min(len(list), mostCrashes)]
}

// Count is how many submissions crashed there.
func (c crash) Count() int { return len(c.Students) + c.More }
