// SPDX-License-Identifier: MIT

// Package grading runs the scenarios of a lab on submissions, each in machines of its own, and makes grades of what
// they find out.
package grading

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/assess"
	"github.com/kmodlab/kmodlab/internal/cachedir"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/private"
	"github.com/kmodlab/kmodlab/internal/scratch"
	"github.com/kmodlab/kmodlab/result"
)

// Options are the same for all submissions.
type Options struct {
	Machine kmodlab.Machine
	Tools   kmodlab.Tools
	Jobs    int  // runs at a time; 0: one per processor
	Record  bool // keep a recording of each run
	// Trusted leaves out the witness. Whoever checks their own work needs none.
	Trusted bool
	Log     func(line string) // may be nil
}

// Grader grades submissions of one lab on one kernel. Several goroutines may use it at once.
type Grader struct {
	lab      *course.Lab
	assessor *assess.Assessor
	options  Options
	pool     *kmodlab.Pool
}

// New returns a Grader of a lab. An expression of the lab that is wrong is its error.
func New(lab *course.Lab, o Options) (*Grader, error) {
	a, err := assess.New(lab)
	if err != nil {
		return nil, err
	}
	return &Grader{lab: lab, assessor: a, options: o, pool: kmodlab.NewPool(o.Jobs)}, nil
}

// Outcome is what became of a submission.
type Outcome struct {
	Grade      *grade.Grade
	Runs       assess.Runs
	Recordings map[string]*kmodlab.Recording // by scenario, with Options.Record
	Ignored    []string                      // files that do not count
}

// Grade builds what a student handed in and runs all scenarios. The error is the context's cause, or a lab that cannot
// be run as it is.
func (g *Grader) Grade(ctx context.Context, handed map[string][]byte) (*Outcome, error) {
	began := time.Now()
	files := g.lab.Submitted(handed)
	out := &Outcome{Runs: assess.Runs{}, Recordings: map[string]*kmodlab.Recording{}, Ignored: files.Ignored}
	err := g.runs(ctx, files, out)
	if err != nil {
		return nil, err
	}
	out.Grade = g.assessor.Grade(g.options.Machine.Kernel, out.Runs)
	out.Grade.Graded = time.Now().UTC().Format(time.RFC3339)
	out.Grade.Seconds = time.Since(began).Seconds()
	return out, nil
}

// Assess grades results that are there already.
func (g *Grader) Assess(runs assess.Runs) *grade.Grade {
	return g.assessor.Grade(g.options.Machine.Kernel, runs)
}

func (g *Grader) runs(ctx context.Context, files course.Submitted, out *Outcome) error {
	if len(files.Missing) > 0 {
		r := &result.Result{Verdict: result.Verdict{
			Class: result.Build, Message: strings.Join(files.Missing, ", ") + " was not handed in",
		}}
		for i := range g.lab.Scenarios {
			out.Runs[g.lab.Scenarios[i].Name] = r
		}
		return nil
	}
	cache, err := g.cache()
	if err != nil {
		return err
	}
	folder, err := scratch.Make(filepath.Join(cache, prepare.ScratchDir), "grade")
	if err != nil {
		return fmt.Errorf("make a folder for the submission: %w", err)
	}
	defer folder.Close()
	if err := WriteFiles(folder.Path, files.Files); err != nil {
		return fmt.Errorf("write the submission: %w", err)
	}
	return g.scenarios(ctx, folder.Path, out)
}

// cache is the folder in which this host works.
func (g *Grader) cache() (string, error) {
	dir := g.options.Tools.CacheDir
	var err error
	if dir == "" {
		if dir, err = kmodlab.DefaultCacheDir(); err != nil {
			return "", err
		}
	}
	if dir, err = cachedir.Own(dir); err != nil {
		return "", err
	}
	return dir, private.Make(dir)
}

// scenarios runs those that the checks ask for. The first one builds the sources.
func (g *Grader) scenarios(ctx context.Context, dir string, out *Outcome) error {
	kernel := g.options.Machine.Kernel
	for {
		next := g.assessor.Next(kernel, out.Runs)
		if len(next) == 0 {
			break
		}
		if err := g.together(ctx, dir, next, out); err != nil {
			return err
		}
	}
	if len(out.Runs) == 0 {
		return fmt.Errorf("lab %s has no scenario for the kernel %s", g.lab.Name, kernel)
	}
	return nil
}

// together runs scenarios at the same time, as far as the pool has machines.
func (g *Grader) together(ctx context.Context, dir string, names []string, out *Outcome) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	failed := make([]error, len(names))
	for i, name := range names {
		all.Go(func() {
			s := g.scenario(name)
			spec, err := g.spec(s, dir)
			if err != nil {
				failed[i] = err
				return
			}
			end, err := g.pool.Run(ctx, spec)
			if err != nil {
				failed[i] = fmt.Errorf("run the scenario %s of lab %s: %w", name, g.lab.Name, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out.Runs[name] = end.Result
			if end.Recording != nil {
				out.Recordings[name] = end.Recording
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

func (g *Grader) scenario(name string) *course.Scenario {
	i := slices.IndexFunc(g.lab.Scenarios, func(s course.Scenario) bool { return s.Name == name })
	return &g.lab.Scenarios[i]
}

// buildTime is what a student's sources have to build in. It is short, for a class waits for all, and still thirty
// times what a lab of three modules takes on a busy machine.
const buildTime = 2 * time.Minute

// stepTime is how long a command that loads or unloads may take, ten times as long under emulation: a hang costs a
// class half a minute and no more.
const stepTime = 3 * time.Second

// spec is the run of one scenario.
func (g *Grader) spec(s *course.Scenario, dir string) (kmodlab.Spec, error) {
	world, err := worldOf(&s.World)
	if err != nil {
		return kmodlab.Spec{}, fmt.Errorf("scenario %s of lab %s: %w", s.Name, g.lab.Name, err)
	}
	spec := kmodlab.Spec{
		Dir: dir, Load: s.Load, Params: s.Params, For: time.Duration(s.For), Rounds: s.Repeat, Seed: uint64(s.Seed),
		World: world, BuildTimeout: buildTime, StepTimeout: stepTime, Witness: !g.options.Trusted,
		Machine: g.options.Machine, Tools: g.options.Tools,
	}
	spec.Title, spec.Record, spec.Watch.Log = g.lab.Name+": "+s.Name, g.options.Record, g.options.Log
	for _, t := range s.Tests {
		test, err := testOf(t, dir)
		if err != nil {
			return spec, fmt.Errorf("scenario %s of lab %s: %w", s.Name, g.lab.Name, err)
		}
		spec.Tests = append(spec.Tests, test)
	}
	for _, word := range s.Files {
		from, to, _ := strings.Cut(word, ":")
		spec.Put = append(spec.Put, kmodlab.Copy{Host: from, Guest: to, Within: dir})
	}
	return spec, nil
}

func testOf(t labfile.Test, dir string) (kmodlab.Test, error) {
	program, args, env, err := t.Line()
	return kmodlab.Test{
		Program: program, Within: dir, Args: args, Env: env, User: t.User, Timeout: time.Duration(t.Timeout),
	}, err
}

func worldOf(w *course.World) (kmodlab.World, error) {
	world := kmodlab.World{Modprobe: modprobe(w.Modprobe), Absent: w.Absent}
	if f := w.Fail; f != nil {
		world.Fail = &kmodlab.Fail{Call: f.Call, Nth: f.Nth, Module: f.Module}
	}
	if w.TargetExits != "" {
		t, err := failable.ParseTarget(w.TargetExits)
		if err != nil {
			return world, fmt.Errorf("target_exits: %w", err)
		}
		world.TargetExits = &kmodlab.Target{Name: t.Name, Nth: t.Nth, Module: t.Module}
	}
	return world, nil
}

func modprobe(state string) kmodlab.Modprobe {
	if state == course.ModprobePresent {
		return kmodlab.ModprobePresent
	}
	return kmodlab.Modprobe(state)
}

// WriteFiles writes files of a lab into a folder.
func WriteFiles(dir string, files map[string]course.File) error {
	for name, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(name)) // course and submission take only local names
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if f.Executable {
			mode = 0o700
		}
		if err := os.WriteFile(path, f.Data, mode); err != nil {
			return err
		}
	}
	return nil
}
