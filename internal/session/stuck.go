// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

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

// noteStuck records the tasks that made no progress.
func (s *session) noteStuck(ended wire.ExecResult) {
	console := slices.Concat(s.Console(), []byte("\n"), ended.Running)
	tasks := make([]hang.Task, 0, len(ended.Tasks))
	for _, t := range ended.Tasks {
		tasks = append(tasks, hang.Task(t))
	}
	s.stuck = hang.Find(tasks, console, ended.PID, s.Studied())
	spins := slices.ContainsFunc(s.stuck, func(t result.Stuck) bool { return t.State == result.Running && t.Site != "" })
	if len(s.stuck) == 0 || !spins && hang.Unseen(tasks, console) {
		s.sampleCPUs()
	}
}
