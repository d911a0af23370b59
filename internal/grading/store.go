// SPDX-License-Identifier: MIT

package grading

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/assess"
	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/grade/book"
)

// Store keeps the grades of a class in a folder: one folder for each student, with grade.json, what the scenarios found
// out, and perhaps recordings. Several processes may have the same folder, if no two have the same submission.
type Store struct{ dir string }

// OpenStore makes the folder if it is not there.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of grades: %w", err)
	}
	return &Store{dir}, nil
}

// The files of a student's folder.
const (
	gradeFile = "grade.json"
	pageFile  = "page.html" // for the student
	runsFile  = "runs.json"
	keyFile   = "key" // what the grade is of: without it the submission is graded again
)

// Bounds of these files, in bytes.
const (
	maxGrade = 16 << 20
	maxRuns  = 256 << 20
)

// folder is that of a student. Names that students choose become file names that nothing is hidden in, and two of them
// have different ones.
func (s *Store) folder(student string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, student)
	if safe != student || strings.Trim(safe, ".") == "" || len(safe) > 64 || strings.HasPrefix(safe, "-") {
		sum := sha256.Sum256([]byte(student))
		safe = strings.TrimLeft(safe[:min(len(safe), 48)], ".-") + "-" + hex.EncodeToString(sum[:6])
	}
	return filepath.Join(s.dir, safe)
}

// Kept is the grade that is there for a key, nil if there is none.
func (s *Store) Kept(student string, k key) (*grade.Grade, error) {
	dir := s.folder(student)
	have, err := keyOf(dir)
	if err != nil || have != k {
		return nil, err
	}
	g, err := readGrade(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if g != nil && g.Fault != "" {
		return nil, nil // the machine may have been mended
	}
	return g, err
}

func readGrade(dir string) (*grade.Grade, error) {
	data, err := beneath.ReadIn(dir, gradeFile, maxGrade)
	if err != nil {
		return nil, fmt.Errorf("read a grade: %w", err)
	}
	g, err := grade.ReadJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, gradeFile), err)
	}
	return g, nil
}

// Save keeps a grade, and what it was made of. The key is written last: a killed process leaves no half of a grade.
func (s *Store) Save(g *grade.Grade, end *Outcome, k key) error {
	dir := s.folder(g.Student)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep a grade: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep a grade: %w", err)
	}
	write := func(name string, fill func(io.Writer) error) error {
		if err := writeFile(filepath.Join(dir, name), fill); err != nil {
			return fmt.Errorf("keep a grade: %w", err)
		}
		return nil
	}
	if end != nil {
		if err := write(runsFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(end.Runs) }); err != nil {
			return err
		}
		for scenario, r := range end.Recordings {
			if err := write(scenario+".kmlab", func(w io.Writer) error { _, err := r.WriteTo(w); return err }); err != nil {
				return err
			}
		}
	}
	if err := write(gradeFile, func(w io.Writer) error { return grade.WriteJSON(w, g) }); err != nil {
		return err
	}
	if err := write(pageFile, func(w io.Writer) error { return book.WritePage(w, g, book.Options{}) }); err != nil {
		return err
	}
	if k == (key{}) {
		return nil
	}
	return write(keyFile, k.write)
}

// Stored is what a store has of one student.
type Stored struct {
	Grade *grade.Grade
	Runs  assess.Runs // nil if it could not be graded
}

// All reads what is in a store, in the order of the folders' names.
func (s *Store) All(withRuns bool) ([]Stored, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of grades: %w", err)
	}
	var list []Stored
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		one, err := s.stored(filepath.Join(s.dir, e.Name()), withRuns)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another folder, or one that is being graded
		}
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (s *Store) stored(dir string, withRuns bool) (Stored, error) {
	g, err := readGrade(dir)
	if err != nil || !withRuns {
		return Stored{Grade: g}, err
	}
	data, err := beneath.ReadIn(dir, runsFile, maxRuns)
	if errors.Is(err, fs.ErrNotExist) {
		return Stored{Grade: g}, nil
	}
	if err != nil {
		return Stored{}, fmt.Errorf("read what was found out: %w", err)
	}
	var runs assess.Runs
	if err := json.Unmarshal(data, &runs); err != nil {
		return Stored{}, fmt.Errorf("read %s: %w", filepath.Join(dir, runsFile), err)
	}
	return Stored{g, runs}, nil
}
