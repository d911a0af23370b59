// SPDX-License-Identifier: MIT

package grading

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/assess"
	"github.com/kmodlab/kmodlab/internal/grade"
)

// Again grades all that a store has of the lab once more, from what the runs found out then: nothing is built, and
// nothing runs. What the lab asks for now and was not run then cannot be known; the grade's fault says so. If the
// scenarios or the files of the lab have changed since, a note says that, and the submission counts as not graded yet
// when the class is graded next. The order is that of the folders' names.
func (g *Grader) Again(ctx context.Context, store *Store, tell func(Told)) ([]grade.Grade, error) {
	entries, err := os.ReadDir(store.dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of grades: %w", err)
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(store.dir, e.Name())
		if _, err := os.Stat(filepath.Join(dir, gradeFile)); e.IsDir() && err == nil {
			dirs = append(dirs, dir)
		}
	}
	return g.each(ctx, len(dirs), func(i int) (Told, error) { return g.again(dirs[i], store) }, tell)
}

// each grades n submissions, as many at a time as there are processors.
func (g *Grader) each(
	ctx context.Context, n int, one func(i int) (Told, error), tell func(Told),
) ([]grade.Grade, error) {
	grades := make([]*grade.Grade, n)
	var mu sync.Mutex
	done := 0
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		all.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			t, err := one(i)
			if err != nil || t.Grade == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			t.N, t.All, grades[i] = done, n, t.Grade
			tell(t)
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	var list []grade.Grade
	for _, g := range grades {
		if g != nil {
			list = append(list, *g)
		}
	}
	return list, nil
}

// again grades what is kept of one submission. That of another lab has no grade here.
func (g *Grader) again(dir string, store *Store) (Told, error) {
	t := Told{Path: dir}
	kept, err := store.stored(dir, true)
	if err != nil || kept.Grade.Lab != g.lab.Name {
		return t, err
	}
	if kept.Runs == nil { // it could not be opened, and still cannot
		t.Grade = g.assessor.Grade(g.options.Machine.Kernel, nil)
		t.Grade.Fault, t.Grade.Student, t.Grade.Graded = kept.Grade.Fault, kept.Grade.Student, kept.Grade.Graded
		t.Grade.Sum()
		return t, store.Save(t.Grade, nil, key{})
	}
	was, err := keyOf(dir)
	if err != nil {
		return t, err
	}
	k := g.key(kept.Grade.Submission)
	if was.Kernel != "" {
		k.Kernel = was.Kernel
	}
	t.Grade = g.reassess(k.Kernel, kept.Runs)
	t.Grade.Student, t.Grade.Submission, t.Grade.Seconds = kept.Grade.Student, kept.Grade.Submission, kept.Grade.Seconds
	if was.Runs != k.Runs {
		t.Notes = []string{"the scenarios or the files of the lab have changed since it ran: to run it again, grade it"}
		k = key{}
	}
	return t, store.Save(t.Grade, nil, k)
}

// reassess makes a grade of results that are there, and of no others.
func (g *Grader) reassess(kernel string, runs assess.Runs) *grade.Grade {
	out := g.assessor.Grade(kernel, runs)
	out.Graded = time.Now().UTC().Format(time.RFC3339)
	if missing := g.assessor.Next(kernel, runs); len(missing) > 0 && out.Fault == "" {
		out.Fault = fmt.Sprintf("there is no run of %s: grade what was handed in", strings.Join(missing, ", "))
		out.Sum()
	}
	return out
}

// RecordedError is a recording that cannot be graded.
type RecordedError struct{ Path, Why string }

func (e *RecordedError) Error() string { return e.Path + ": " + e.Why }

// Recorded grades recordings of a lab's scenarios, as Options.Record keeps them: SCENARIO.kmlab, in a folder with the
// student's name. Their grades are kept in the store. The error may be a *RecordedError.
func (g *Grader) Recorded(ctx context.Context, paths []string, store *Store, tell func(Told)) ([]grade.Grade, error) {
	of := make(map[string][]string) // by the folder
	for _, path := range paths {
		scenario := strings.TrimSuffix(filepath.Base(path), recordingSuffix)
		if !g.hasScenario(scenario) {
			return nil, &RecordedError{path, fmt.Sprintf("lab %s has no scenario %q: a recording has the name of one of %s",
				g.lab.Name, scenario, strings.Join(g.scenarioNames(), ", "))}
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("find a recording: %w", err)
		}
		of[filepath.Dir(abs)] = append(of[filepath.Dir(abs)], abs)
	}
	dirs := slices.Sorted(maps.Keys(of))
	return g.each(ctx, len(dirs), func(i int) (Told, error) { return g.recorded(dirs[i], of[dirs[i]], store) }, tell)
}

// recordingSuffix ends the name of a recording.
const recordingSuffix = ".kmlab"

// IsRecording reports whether a submission's path is that of a recording.
func IsRecording(path string) bool { return strings.HasSuffix(path, recordingSuffix) }

func (g *Grader) recorded(dir string, paths []string, store *Store) (Told, error) {
	t := Told{Path: dir}
	runs := assess.Runs{}
	for _, path := range paths {
		r, err := readRecording(path)
		if err != nil {
			return t, &RecordedError{path, err.Error()}
		}
		if runs[strings.TrimSuffix(filepath.Base(path), recordingSuffix)], err = r.Result(); err != nil {
			return t, &RecordedError{path, err.Error()}
		}
	}
	t.Grade = g.reassess(g.kernelOf(runs), runs)
	t.Grade.Student = filepath.Base(dir)
	if was, err := readGrade(dir); err == nil {
		t.Grade.Student, t.Grade.Submission, t.Grade.Seconds = was.Student, was.Submission, was.Seconds
	} else if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	return t, store.Save(t.Grade, &Outcome{Grade: t.Grade, Runs: runs}, key{})
}

// kernelOf is the kernel that runs were on.
func (g *Grader) kernelOf(runs assess.Runs) string {
	for _, r := range runs {
		if slices.Contains(g.lab.Kernels, r.Machine.Name) {
			return r.Machine.Name
		}
	}
	return g.options.Machine.Kernel
}

func readRecording(path string) (*kmodlab.Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return kmodlab.ReadRecording(f)
}

func (g *Grader) hasScenario(name string) bool { return slices.Contains(g.scenarioNames(), name) }

func (g *Grader) scenarioNames() []string {
	var names []string
	for i := range g.lab.Scenarios {
		names = append(names, g.lab.Scenarios[i].Name)
	}
	return names
}
