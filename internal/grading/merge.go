// SPDX-License-Identifier: MIT

package grading

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// MergeError is why parts of a class cannot be put together, a sentence each. Nothing has been changed then.
type MergeError struct{ Problems []string }

func (e *MergeError) Error() string { return strings.Join(e.Problems, "\n") }

func (e *MergeError) say(format string, args ...any) {
	e.Problems = append(e.Problems, plain.Text(fmt.Sprintf(format, args...)))
}

// part is a student's folder in one of the parts.
type part struct {
	dir, name string // the folder is dir/name
	grade     *grade.Grade
	key       key
}

func (p *part) path() string { return filepath.Join(p.dir, p.name) }

// Merge takes the grades of a lab from the folders in which the parts of a class were graded, and whatever lies beside
// them. What the store has of the same student is replaced; its other students stay. A student who is in several parts
// must have the same grade there, or have it in one part and in the others none because of the machine. The error is a
// *MergeError, or of a folder that cannot be read or written.
func (s *Store) Merge(lab *course.Lab, dirs []string) error {
	var wrong MergeError
	var all []part
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			continue
		}
		found, err := partsIn(lab, dir, &wrong)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	chosen := choose(all, &wrong)
	sameClass(chosen, &wrong)
	if len(wrong.Problems) > 0 {
		return &wrong
	}
	for i := range chosen {
		if err := s.take(&chosen[i]); err != nil {
			return fmt.Errorf("take the grade of %s: %w", chosen[i].grade.Student, err)
		}
	}
	return nil
}

// partsIn reads what a folder of grades has.
func partsIn(lab *course.Lab, dir string, wrong *MergeError) ([]part, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		wrong.say("%s: there is no such folder: grade this part first", dir)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a part of the class: %w", err)
	}
	var list []part
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		p := part{dir: dir, name: e.Name()}
		p.grade, err = readGrade(p.path())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			p.key, err = keyOf(p.path())
		}
		switch {
		case err != nil:
			return nil, err
		case p.grade.Lab != lab.Name:
			wrong.say("%s: it is a grade of the lab %s, and not of %s", p.path(), p.grade.Lab, lab.Name)
		case p.key == key{} && p.grade.Fault == "":
			wrong.say("%s: grading has not ended: grade this part again", p.path())
		default:
			list = append(list, p)
		}
	}
	return list, nil
}

// choose takes one part of each student, in the order of their names.
func choose(all []part, wrong *MergeError) []part {
	slices.SortStableFunc(all, func(a, b part) int {
		return cmp.Or(
			cmp.Compare(a.grade.Student, b.grade.Student), byFault(a, b), cmp.Compare(a.grade.Graded, b.grade.Graded),
			cmp.Compare(a.dir, b.dir),
		)
	})
	var list []part
	for _, p := range all {
		if len(list) == 0 || list[len(list)-1].grade.Student != p.grade.Student {
			list = append(list, p)
			continue
		}
		first := &list[len(list)-1]
		switch why := conflict(first, &p); {
		case why == "":
		default:
			wrong.say("%s: %s and %s have different grades: %s: remove the one that does not count", p.grade.Student,
				first.path(), p.path(), why)
		}
	}
	return list
}

// byFault has those first that could be graded.
func byFault(a, b part) int {
	fault := func(p part) int { return min(1, len(p.grade.Fault)) }
	return fault(a) - fault(b)
}

// conflict says why a person has to decide which of two grades of a student counts, "" if nobody has.
func conflict(a, b *part) string {
	switch {
	case a.grade.Submission != b.grade.Submission:
		return "something else was handed in"
	case b.grade.Fault != "": // the first has a grade, or the same trouble
		return ""
	case a.grade.Points != b.grade.Points:
		return fmt.Sprintf("%s and %s points", grade.Format(a.grade.Points), grade.Format(b.grade.Points))
	}
	return a.key.differs(b.key)
}

// sameClass tells grades that cannot be compared with the others.
func sameClass(list []part, wrong *MergeError) {
	first := slices.IndexFunc(list, func(p part) bool { return p.key != key{} })
	if first < 0 {
		return
	}
	for i := range list {
		p := &list[i]
		if why := list[first].key.differs(p.key); p.key != (key{}) && why != "" {
			wrong.say("%s and %s: %s: grade both parts again in the same way", list[first].path(), p.path(), why)
			return // one is enough: all others of the part are like it
		}
	}
}

// take makes a student's folder what it is in a part. The key is there last, so that what was killed half-way is not
// taken for a grade.
func (s *Store) take(p *part) error {
	to := s.folder(p.grade.Student)
	if same(p.path(), to) {
		return nil
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if err := empty(to); err != nil {
		return err
	}
	entries, err := os.ReadDir(p.path())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == keyFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := takeFile(p.path(), to, e.Name()); err != nil {
			return err
		}
	}
	if p.key == (key{}) {
		return nil
	}
	return takeFile(p.path(), to, keyFile)
}

func same(one, other string) bool {
	a, err := os.Stat(one)
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}

// empty removes the files of a student's folder, the key first.
func empty(dir string) error {
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeFile links a file, or copies it where that cannot be. Nobody writes into these files: they are replaced.
func takeFile(from, to, name string) error {
	if os.Link(filepath.Join(from, name), filepath.Join(to, name)) == nil {
		return nil
	}
	data, err := beneath.ReadIn(from, name, maxRuns)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(to, name), data, 0o600)
}
