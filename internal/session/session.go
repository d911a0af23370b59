// SPDX-License-Identifier: MIT

// Package session carries out a script or a trace on a machine that is ready, and
// gathers the evidence, no matter how far the session gets.
package session

import (
	"context"
	"errors"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/pool"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/version"
	"github.com/kmodlab/kmodlab/result"
)

// Options hold for a script and for a trace.
type Options struct {
	StepTimeout time.Duration // bounds each command, before it is stretched for TCG
	Patience    time.Duration // with a step that only waits, if it is longer than the usual one
	Turns       *pool.Turns   // with the other runs of a pool; nil for a single run
}

// session is one script or trace in progress. Its fields belong to the goroutine that
// carries it out.
type session struct {
	*lab.Lab
	options Options
	journal *notify.Journal

	modules  []result.Module // as planned, and whether the agent loaded and unloaded them
	failures []evidence.Failure
	unmet    []string
	failing  []evidence.Failing // calls that were to fail
	programs []evidence.Test    // that ran beside the modules
	brought  []result.Artifact
	keepers  []evidence.Keeper // of modules that stayed
	sought   bool              // all of them were found
	stuck    []result.Stuck
	finished bool
	cut      bool // steps were left out
	unloaded bool
	passed   string
	passHint string

	samples  []evidence.Sample // of the CPUs
	code     map[uint64][]byte // pages of modules' code that the CPUs executed, by address
	after    leaks.Objects     // what was not there before
	taint    evidence.Taint
	earlier  evidence.Earlier
	present  map[string]bool // the modules that were loaded before the first step
	compared bool
	ledger   *leaks.Ledger
	remains  []evidence.Loaded // modules at the end
	seen     *evidence.Witness // of the guest, from outside
	debugger *debugging        // nil if nobody debugs
}

func newSession(l *lab.Lab, o Options, j *notify.Journal) *session {
	s := &session{Lab: l, options: o, journal: j}
	if l.Plan != nil {
		for _, m := range l.Plan.Modules {
			s.modules = append(s.modules, result.Module{Name: m.Name, Depends: m.Depends})
		}
	}
	return s
}

// step is a part of a session. After an error no further step is possible.
type step func(context.Context) error

// steps carries out one step after the other, and returns what ended them early.
func (s *session) steps(ctx context.Context, list ...step) error {
	for _, step := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// evidence closes the machine and returns what is known. err is what ended the steps
// early, nil when they came to their end.
func (s *session) evidence(ctx context.Context, err error) *evidence.Evidence {
	s.end(ctx, err)
	s.TakeCore(ctx)
	e := base(s.journal, s.Host, s.Prepared)
	e.Machine, e.Modules = s.Machine, s.modules
	e.Failures, e.Unmet, e.Stuck, e.Tests = s.failures, s.unmet, s.stuck, s.programs
	e.Failing = s.failing
	e.Programs = crashed(s.programs, s.Put)
	e.Finished, e.Unloaded, e.Cut, e.Passed, e.PassHint = s.finished, s.unloaded, s.cut, s.passed, s.passHint
	e.Taint, e.Earlier, e.Artifacts = s.taint, s.earlier, s.brought
	e.Samples, e.Code, e.EndedAt = s.samples, s.code, endedAt(err)
	e.Left = evidence.Left{Before: s.Before, After: s.after, Compared: s.compared, Ledger: s.ledger, Modules: s.remains,
		Others: s.others(), Keepers: s.keepers, Sought: s.sought}
	e.Witness = s.seen
	if s.Watched != nil {
		e.Left.Unpaired, e.Left.Unchecked = s.Watched.Unpaired, s.Watched.Unchecked
	}
	e.Trace, e.Console, e.KernelLog = s.Lab.Evidence()
	return e
}

// end notes what ended the steps early. A machine that does not answer may still be
// asked where its CPUs are, unless it was stopped with ctx.
func (s *session) end(ctx context.Context, err error) {
	if err == nil {
		return
	}
	s.fail(classify(err))
	if unresponsive(ctx, err) && len(s.samples) == 0 { // else they have told it
		s.sampleCPUs()
	}
}

// unresponsive reports whether an error is that the machine did not answer in time, and not that it was stopped with
// ctx.
func unresponsive(ctx context.Context, err error) bool {
	var call *lab.CallError
	return ctx.Err() == nil && errors.As(err, &call) && errors.Is(call.Err, context.DeadlineExceeded)
}

// fail records a failure, the first of its kind.
func (s *session) fail(f *evidence.Failure) {
	if s.failed(f.Kind) == nil {
		s.failures = append(s.failures, *f)
	}
}

func (s *session) failed(kind evidence.Kind) *evidence.Failure {
	return (&evidence.Evidence{Failures: s.failures}).Failed(kind)
}

// base is the evidence of the host's own work. h and p are nil if the run did not get that far.
func base(j *notify.Journal, h *prepare.Host, p *prepare.Prepared) *evidence.Evidence {
	e := &evidence.Evidence{Program: version.Program(), Phases: j.Phases(), Commands: j.Commands()}
	if h != nil && h.Kernel != nil {
		e.KernelID = h.Kernel.ID
	}
	if p == nil {
		return e
	}
	e.Studied, e.Files, e.Warnings = p.Studied(), p.Read.All(), p.Warnings()
	e.Sources = prepare.ReadSources(p.SourceDirs(), e.Files, e.Studied)
	return e
}

// Built is the evidence of a build that succeeded and needs no machine. passed says what was built.
func Built(h *prepare.Host, passed string, warnings []result.Warning, j *notify.Journal) *evidence.Evidence {
	e := base(j, h, nil)
	e.Finished, e.Passed, e.Warnings = true, passed, warnings
	return e
}

// Failed is the evidence of a run that never got a machine. h and p are nil if it did not get that far.
func Failed(err error, h *prepare.Host, p *prepare.Prepared, j *notify.Journal) *evidence.Evidence {
	e := base(j, h, p)
	if p != nil && p.Plan != nil {
		for _, m := range p.Plan.Modules {
			e.Modules = append(e.Modules, result.Module{Name: m.Name, Depends: m.Depends})
		}
	}
	e.Failures, e.EndedAt = []evidence.Failure{*classify(err)}, endedAt(err)
	var start *lab.StartError
	if errors.As(err, &start) {
		e.Machine, e.Console = start.Machine, string(start.Console)
	}
	return e
}
