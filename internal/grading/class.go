// SPDX-License-Identifier: MIT

package grading

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/submission"
)

// Told is what is told of a class while it is graded, each time that a submission has its grade.
type Told struct {
	Path   string
	Grade  *grade.Grade
	Kept   bool // it was graded before
	N, All int
	Notes  []string // what was left out, a sentence without a stop each
}

// Class grades submissions, and keeps each grade in the store as soon as it is there. One that cannot be graded stops
// nobody: its grade says why. What the store has already is not graded again. The order is that of the paths.
func (g *Grader) Class(
	ctx context.Context, paths []string, shard Shard, store *Store, tell func(Told),
) ([]grade.Grade, error) {
	paths = slices.Sorted(slices.Values(paths))
	if err := onePerStudent(paths); err != nil {
		return nil, err
	}
	paths = shard.of(paths)
	grades := make([]*grade.Grade, len(paths))
	var mu sync.Mutex
	done := 0
	var all sync.WaitGroup
	turns := make(chan struct{}, 2*max(1, g.options.Jobs)) // as many as the pool has machines
	var failed error
	for i, path := range paths {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-turns }()
			t, err := g.one(ctx, path, store)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = errors.Join(failed, err)
				return
			}
			done++
			t.N, t.All, grades[i] = done, len(paths), t.Grade
			tell(t)
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if failed != nil {
		return nil, failed
	}
	list := make([]grade.Grade, len(grades))
	for i := range grades {
		list[i] = *grades[i]
	}
	return list, nil
}

// TwiceError is a student with two submissions: which one counts, a person has to say.
type TwiceError struct{ Student, First, Second string }

func (e *TwiceError) Error() string {
	return fmt.Sprintf("%s and %s are both of %s: name the one that counts", e.First, e.Second, e.Student)
}

func onePerStudent(paths []string) error {
	of := make(map[string]string, len(paths))
	for _, path := range paths {
		student := submission.Student(path)
		if first, twice := of[student]; twice {
			return &TwiceError{student, first, path}
		}
		of[student] = path
	}
	return nil
}

// one grades one submission, or takes the grade that the store has.
func (g *Grader) one(ctx context.Context, path string, store *Store) (Told, error) {
	t := Told{Path: path}
	s, err := submission.Open(ctx, path)
	var bad *submission.Error
	switch {
	case errors.As(err, &bad):
		t.Grade = g.ungraded(bad)
		t.Grade.Student = submission.Student(path)
		return t, store.Save(t.Grade, nil, key{})
	case err != nil:
		return t, err
	}
	k := g.key(s.Hash)
	if kept, err := store.Kept(s.Student, k); err != nil || kept != nil {
		t.Grade, t.Kept = kept, true
		return t, err
	}
	end, err := g.Grade(ctx, s.Files)
	if err != nil {
		return t, err
	}
	t.Grade, t.Notes = end.Grade, slices.Concat(s.LeftOut, notes(end.Ignored), g.said(s))
	t.Grade.Student, t.Grade.Submission = s.Student, s.Hash
	return t, store.Save(t.Grade, end, k)
}

// ungraded is the grade of what cannot be opened: a fault that a person has to look at, and no points lost.
func (g *Grader) ungraded(err *submission.Error) *grade.Grade {
	out := g.assessor.Grade(g.options.Machine.Kernel, nil)
	out.Fault = err.Error()
	out.Sum()
	return out
}

// said is what the submission's manifest tells a lecturer.
func (g *Grader) said(s *submission.Submission) []string {
	said := s.Said()
	if m := s.Manifest; m != nil && m.Lab != g.lab.Name {
		said = append(said, fmt.Sprintf("its manifest is of another lab: %.80s", m.Lab))
	}
	return said
}

func notes(ignored []string) []string {
	if len(ignored) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: not the student's to change, or no part of the lab", strings.Join(ignored, ", "))}
}
