// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// errCrashed ends the wait for a command after the kernel has crashed.
var errCrashed = errors.New("the guest's kernel has crashed")

// crashGrace is how long a command may still run after the kernel has crashed.
const crashGrace = 5 * time.Second

// untilCrash returns a context that ends some time after the guest's kernel has crashed:
// a CPU that spins would hold the command, and us, until the deadline.
func (s *session) untilCrash(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() {
		select {
		case <-s.Log.Crashed():
		case <-done:
			return
		}
		select {
		case <-s.Released(): // whoever debugs may look at what is left
		case <-done:
			return
		}
		select {
		case <-time.After(crashGrace):
			cancel(errCrashed)
		case <-done:
		}
	})
	return ctx, sync.OnceFunc(func() {
		close(done)
		watching.Wait()
		cancel(nil)
	})
}

// noteStuck records the tasks that made no progress. o observed the step.
func (s *session) noteStuck(ended wire.ExecResult, o *slow) {
	console := slices.Concat(s.Console(), []byte("\n"), ended.Running)
	study := o.watch.Study
	study.Step.PID = ended.PID
	tasks := o.watch.Settle(tasksOf(ended.Tasks))
	s.stuck = study.Find(tasks, console)
	if hang.Unseen(tasks, console) && !runs(s.stuck, true) || unplaced(s.stuck) {
		s.sampleCPUs()
	}
}

// unplaced reports whether nothing says where the tasks are, or only that one runs: its backtrace may be cut short.
func unplaced(stuck []result.Stuck) bool {
	return len(stuck) == 0 || runs(stuck, false) && !runs(stuck, true)
}

// runs reports whether a task runs of which a place is known, or none.
func runs(stuck []result.Stuck, placed bool) bool {
	return slices.ContainsFunc(stuck, func(t result.Stuck) bool {
		return t.State == result.Running && (t.Site != "") == placed
	})
}

// noteJudged records what is known of a step that was judged before it ended.
func (s *session) noteJudged(ctx context.Context, o *slow) error {
	s.stuck = o.found
	if len(o.spins) == 0 { // the guest answers
		ctx, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		_, err := s.listModules(ctx) // for the taint mask
		s.taint.AtEnd = err == nil
	}
	return &evidence.Failure{Kind: evidence.Timeout, Message: strings.Join(o.step.Argv, " ") + " does not end"}
}

// noteCrashed records a step that did not end after the kernel had printed a report. If that can no longer be read, as
// in a flood of other lines, the step's end is unknown.
func (s *session) noteCrashed(o *slow) error {
	if len(o.spins) > 0 {
		s.stuck = o.found
	}
	s.sampleLocks()
	if len(s.Crashes()) > 0 {
		return nil
	}
	return &evidence.Failure{
		Kind:    evidence.Timeout,
		Message: strings.Join(o.step.Argv, " ") + " did not end after a report of the kernel, which was lost between other lines",
	}
}
