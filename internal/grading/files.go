// SPDX-License-Identifier: MIT

package grading

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/filelock"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/grade/book"
	"github.com/kmodlab/kmodlab/internal/grade/formats"
)

// Files of a whole class in a store.
const (
	ClassFile = "gradebook.html"
	tableFile = "grades.csv"
	bookFile  = "gradebook.json"
	lockFile  = ".lock"
)

// WriteFormats writes a grade as graders want it, beside it. A grader that has no word for a submission that could not
// be graded gets no file.
func (s *Store) WriteFormats(g *grade.Grade, targets []*formats.Target, env formats.Env) error {
	for _, t := range targets {
		name := t.File
		if name == "" {
			name = t.Name + ".txt"
		}
		err := writeFile(filepath.Join(s.folder(g.Student), name), func(w io.Writer) error { return t.Write(w, g, env) })
		var not *formats.NotGradedError
		if err != nil && !errors.As(err, &not) {
			return fmt.Errorf("write %s of %s: %w", t.Name, g.Student, err)
		}
	}
	return nil
}

// WriteClass writes the files of the whole class from all grades of a lab in the store, of whichever process. Parts of
// a class that have the same folder wait for each other, so that the last one to write has seen all grades.
func (s *Store) WriteClass(ctx context.Context, lab *course.Lab) error {
	lock, err := filelock.Wait(ctx, filepath.Join(s.dir, lockFile), nil)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil: // some file systems have no locks; there, whoever merges the parts writes last
		defer lock.Close()
		defer os.Remove(lock.Name())
	}
	return s.writeClass(lab)
}

// Book is the class: all grades of a lab in the store.
func (s *Store) Book(lab *course.Lab) (*grade.Book, error) {
	stored, err := s.All(false)
	if err != nil {
		return nil, err
	}
	var grades []grade.Grade
	for _, one := range stored {
		if one.Grade.Lab == lab.Name {
			grades = append(grades, *one.Grade)
		}
	}
	all, err := grade.NewBook(grades)
	if err != nil {
		return nil, fmt.Errorf("put the grades together: %w: grade all submissions with the same lab and kernel", err)
	}
	if len(grades) == 0 { // a part may have nobody
		all.Lab, all.LabTitle, all.Max = lab.Name, lab.Title, float64(lab.Points)
	}
	return all, nil
}

func (s *Store) writeClass(lab *course.Lab) error {
	all, err := s.Book(lab)
	if err != nil {
		return err
	}
	csv, err := formats.Find("csv")
	if err != nil {
		return err
	}
	table := func(w io.Writer) error { return csv.WriteBook(w, all) }
	if err := writeFile(filepath.Join(s.dir, tableFile), table); err != nil {
		return fmt.Errorf("write the class's grades: %w", err)
	}
	page := func(w io.Writer) error { return book.Write(w, all, book.Options{Page: s.pageOf, Known: lab.Known}) }
	if err := writeFile(filepath.Join(s.dir, ClassFile), page); err != nil {
		return fmt.Errorf("write the gradebook: %w", err)
	}
	if err := writeFile(filepath.Join(s.dir, bookFile), all.WriteJSON); err != nil {
		return fmt.Errorf("write the gradebook: %w", err)
	}
	return nil
}

// pageOf is the student's page, as the gradebook links to it.
func (s *Store) pageOf(g *grade.Grade) string {
	return filepath.Base(s.folder(g.Student)) + "/" + pageFile
}

func writeFile(path string, fill func(io.Writer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	return atomicfile.Write(path, b.Bytes(), 0o600)
}
