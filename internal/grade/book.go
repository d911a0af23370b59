// SPDX-License-Identifier: MIT

package grade

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// BookSchema names the JSON form of a Book.
const BookSchema = "kmodlab.gradebook/1"

// Book has the grades of a class for one lab, in the order of the students' names.
type Book struct {
	Schema   string  `json:"schema"`
	Lab      string  `json:"lab"`
	LabTitle string  `json:"lab_title"`
	Max      float64 `json:"max"`
	Grades   []Grade `json:"grades"`
}

// What a class may have at most.
const (
	maxGrades       = 10_000
	maxBookJSON     = 512 << 20
	maxBookElements = 4_000_000
)

// NewBook makes a book of grades. They must be of the same lab and have the same checks, or a comparison of students
// would compare different things.
func NewBook(grades []Grade) (*Book, error) {
	b := &Book{Schema: BookSchema, Grades: slices.Clone(grades)}
	slices.SortStableFunc(b.Grades, func(x, y Grade) int {
		return cmp.Or(cmp.Compare(x.Student, y.Student), cmp.Compare(x.Submission, y.Submission))
	})
	for i := range b.Grades {
		b.Grades[i].Schema = Schema
		b.Grades[i].normalize()
	}
	if len(b.Grades) > 0 {
		first := b.first()
		b.Lab, b.LabTitle, b.Max = first.Lab, first.LabTitle, first.Max
	}
	if err := b.Valid(); err != nil {
		return nil, fmt.Errorf("make a gradebook: %w", err)
	}
	return b, nil
}

// first is the grade by which the others are measured: the first that has checks.
func (b *Book) first() *Grade {
	for i := range b.Grades {
		if len(b.Grades[i].Checks) > 0 {
			return &b.Grades[i]
		}
	}
	return &b.Grades[0]
}

// Valid returns an error that says what is wrong with a book.
func (b *Book) Valid() error {
	if len(b.Grades) > maxGrades {
		return fmt.Errorf("it has %d grades, at most %d are allowed", len(b.Grades), maxGrades)
	}
	seen := make(map[[2]string]bool)
	for i := range b.Grades {
		g := &b.Grades[i]
		if err := g.Valid(); err != nil {
			return fmt.Errorf("the grade of %.80q: %w", g.Student, err)
		}
		if g.Lab != b.Lab {
			return fmt.Errorf("the grade of %.80q is for lab %.80q, others are for %.80q: grade each lab by itself", g.Student,
				g.Lab, b.Lab)
		}
		key := [2]string{g.Student, g.Submission}
		if seen[key] {
			return fmt.Errorf("the submission %.80q of %.80q is there twice: leave one of them out", g.Submission, g.Student)
		}
		seen[key] = true
		if err := b.sameChecks(g); err != nil {
			return err
		}
	}
	return nil
}

// sameChecks compares a grade's checks with those of the book. A submission that could not be graded may have none.
func (b *Book) sameChecks(g *Grade) error {
	if len(g.Checks) == 0 && g.Fault != "" {
		return nil
	}
	first := b.first()
	same := slices.EqualFunc(g.Checks, first.Checks, func(x, y Check) bool {
		return x.ID == y.ID && x.Max == y.Max && x.Visibility == y.Visibility
	})
	if !same || g.Max != b.Max {
		return fmt.Errorf("the grades of %.80q and %.80q have different checks: grade both with the same version of the lab",
			first.Student, g.Student)
	}
	return nil
}

// WriteJSON writes a book, one field a line.
func (b *Book) WriteJSON(w io.Writer) error {
	if err := b.Valid(); err != nil {
		return fmt.Errorf("write gradebook: %w", err)
	}
	out := *b
	out.Schema, out.Grades = BookSchema, slices.Clone(b.Grades)
	for i := range out.Grades {
		out.Grades[i].Schema = Schema
		out.Grades[i].normalize()
	}
	if err := writeJSON(w, &out); err != nil {
		return fmt.Errorf("write gradebook: %w", err)
	}
	return nil
}

// ReadBookJSON reads what WriteJSON wrote, as strictly as ReadJSON.
func ReadBookJSON(rd io.Reader) (*Book, error) {
	b := &Book{}
	if err := readJSON(rd, BookSchema, maxBookJSON, maxBookElements, b); err != nil {
		return nil, fmt.Errorf("read gradebook: %w", err)
	}
	for i := range b.Grades {
		if err := checkSchema(b.Grades[i].Schema, Schema); err != nil {
			return nil, fmt.Errorf("read gradebook: %w", err)
		}
		b.Grades[i].normalize()
	}
	if err := b.Valid(); err != nil {
		return nil, fmt.Errorf("read gradebook: %w", err)
	}
	return b, nil
}
