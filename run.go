// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/pool"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/session"
	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Run carries out a Spec. The result says how it went, also where this machine,
// the build or the guest failed: look at its verdict. The error is a *UsageError,
// or ctx's cause when ctx ended first; then nothing is left behind either. With
// Spec.Here it is a *LeftError around that cause if something is.
func Run(ctx context.Context, spec Spec) (*Conclusion, error) {
	return run(ctx, spec, new(prepare.Shared), nil)
}

// run is Run as one of a pool.
func run(ctx context.Context, spec Spec, shared *prepare.Shared, turns *pool.Turns) (*Conclusion, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	what := spec.about(time.Now())
	j := notify.New(spec.Watch.watcher())
	if spec, err = spec.withLab(); err != nil {
		e := session.Failed(err, nil, nil, j)
		what.note(e)
		e.Expect = spec.Expect
		return conclude(ctx, e, spec.Here, spec.Record)
	}
	lo := labOptions(spec)
	if spec.Core {
		lo.Core = lab.NewCore(filepath.Join(spec.CacheDir, prepare.ScratchDir))
	}
	l, e, err := open(ctx, prepareOptions(spec), lo, shared, j)
	if err != nil {
		return nil, err
	}
	var unwritten error
	if l != nil {
		e = session.RunScript(ctx, l, spec.script(turns, &unwritten), j)
	}
	what.note(e)
	e.Expect = spec.Expect
	c, err := withCore(lo.Core)(conclude(ctx, e, spec.Here, spec.Record))
	if c != nil {
		c.Unwritten = unwritten
	}
	return c, err
}

// open prepares and makes a machine ready. Where that fails there is no lab, and the
// evidence says why; the error is a *UsageError that only the work brought to light.
func open(ctx context.Context, po prepare.Options, lo lab.Options, shared *prepare.Shared, j *notify.Journal) (
	*lab.Lab, *evidence.Evidence, error) {
	host, e, err := find(ctx, po, shared, j)
	if host == nil {
		return nil, e, err
	}
	ahead := lab.StartAhead(ctx, host, lo, j)
	defer ahead.Close()
	p, err := host.Modules(ctx)
	if err != nil {
		return nil, session.Failed(err, host, nil, j), nil
	}
	l, err := lab.Open(ctx, p, ahead, lo, j)
	if err != nil {
		return nil, session.Failed(err, host, p, j), nil
	}
	return l, nil, nil
}

// find finds what this machine has for the work. Without a host, the evidence says why; the error is a *UsageError.
func find(ctx context.Context, po prepare.Options, shared *prepare.Shared, j *notify.Journal) (
	*prepare.Host, *evidence.Evidence, error) {
	host, err := prepare.Find(ctx, po, shared, j)
	if errors.Is(err, kernel.ErrUnknownName) {
		return nil, nil, &UsageError{Field: "Kernel", Text: err.Error()}
	}
	if err != nil {
		return nil, session.Failed(err, nil, nil, j), nil
	}
	return host, nil, nil
}

// withCore adds the guest's memory to a conclusion, or frees it if there is none.
func withCore(core *lab.Core) func(*Conclusion, error) (*Conclusion, error) {
	return func(end *Conclusion, err error) (*Conclusion, error) {
		if core == nil {
			return end, err
		}
		if c := (&Core{core}); end == nil {
			c.Close()
		} else {
			end.Core = c
		}
		return end, err
	}
}

// conclude makes the result of what is known.
func conclude(ctx context.Context, e *evidence.Evidence, here, record bool) (*Conclusion, error) {
	if ctx.Err() != nil {
		return nil, cutShort(ctx, here)
	}
	if !record {
		return &Conclusion{Result: verdict.Of(e)}, nil
	}
	res, used := verdict.OfAndUsed(e)
	return &Conclusion{Result: res, Recording: &Recording{e, used}}, nil
}

// RunAll carries out many Specs, each as Run does, n of them at a time; 0 is as
// many as this machine has processors. Whatever one of them ends in, the others go
// on. What is the same for all, such as symbols and the self-test's module, is read
// once, and the first run saves the machine that all others go on from.
//
// While a run only waits, as for Spec.For, another one works, so up to 2·n machines
// are there at once. Runs on this machine itself (Spec.Here) follow one another.
//
// ended gets what Run returns for the Spec of that index, as each run ends, from one
// goroutine at a time; a Spec's Watch is told by the goroutine of its run. A Spec
// that makes no sense is a *UsageError before anything runs, said with its index in
// the error. When ctx ends, so do all runs, nothing is left behind, and the error is
// ctx's cause (with Spec.Here perhaps a *LeftError); ended is not called for those that were cut short.
func RunAll(ctx context.Context, specs []Spec, n int, ended func(i int, c *Conclusion, err error)) error {
	for i, s := range specs {
		if _, err := s.complete(); err != nil {
			return fmt.Errorf("spec %d: %w", i, err)
		}
	}
	if n <= 0 {
		n = runtime.NumCPU()
	}
	n = min(n, len(specs))
	machines := 2 * n // as in a Pool
	here := slices.ContainsFunc(specs, func(s Spec) bool { return s.Here })
	if here {
		n, machines = 1, 1
	}
	shared, turns := new(prepare.Shared), pool.NewTurns(n)
	pool.Run(ctx, len(specs), machines, turns, func(i int) func() {
		c, err := run(ctx, specs[i], shared, turns)
		return func() { ended(i, c, err) }
	})
	if ctx.Err() != nil {
		return cutShort(ctx, here)
	}
	return nil
}

func prepareOptions(s Spec) prepare.Options {
	return prepare.Options{
		Dir: s.Dir, Files: s.Files, Load: s.Load, Params: s.Params,
		Kernel: s.Kernel, Here: s.Here, Build: kbuild.Where(s.Build), BuildTimeout: s.BuildTimeout,
		Accel: vm.Accel(s.Accel), Cold: s.Cold,
		Agent: s.Agent, QEMU: s.QEMU, CacheDir: s.CacheDir, KernelDir: s.kernels, Mirror: s.Mirror,
		Tests: s.wanted(), Put: s.copies(), Packages: s.Packages,
		Command: s.Command.wanted(), Folders: s.Command.folders(), Absent: s.World.Absent, Fail: s.World.Fail.want(),
		Target: s.World.TargetExits.want(),
	}
}

func labOptions(s Spec) lab.Options {
	return lab.Options{
		CPUs: s.CPUs, MemoryMiB: s.MemoryMiB, StepTimeout: s.StepTimeout,
		Trace:  wire.TraceArgs{Stats: s.HookStats, Steady: s.SteadyHooks, Calls: len(s.Tests) > 0},
		Record: s.Record, NoLeaks: s.NoLeaks, Witness: s.Witness, Userland: s.userland(), Cable: s.NIC,
	}
}

func (s Spec) script(turns *pool.Turns, unwritten *error) session.Script {
	script := session.Script{
		Options: session.Options{StepTimeout: s.StepTimeout, Patience: s.patience, Turns: turns}, For: max(s.For, 0),
		Command: s.Command.session(), Debug: s.Debug.session(), Bring: s.artifacts(unwritten),
		Rounds: session.Rounds{N: s.Rounds, Seed: s.Seed}, Helper: s.World.helperPath(),
	}
	if s.Script == nil {
		return script
	}
	script.Steps = make([]session.Step, 0, len(s.Script))
	for _, step := range s.Script {
		script.Steps = append(script.Steps, session.Step{Argv: step.Argv, Wait: step.Wait, Role: session.Role(step.Role)})
	}
	return script
}
