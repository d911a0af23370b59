// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// errCrashed ends a wait for a command whose kernel has crashed.
var errCrashed = errors.New("the guest's kernel has crashed")

// untilCrash gives a context that ends some time after the guest's kernel has
// crashed: a processor in a loop would hold the command, and us, until its
// deadline. stop has to be called before anything else looks for a crash.
func (r *run) untilCrash(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	done := make(chan struct{})
	looking.Go(func() {
		look := time.NewTicker(time.Second)
		defer look.Stop()
		for !r.crashed() {
			select {
			case <-look.C:
			case <-done:
				return
			}
		}
		select {
		case <-time.After(crashGrace):
			cancel(errCrashed)
		case <-done:
		}
	})
	return ctx, sync.OnceFunc(func() {
		close(done)
		looking.Wait()
		cancel(nil)
	})
}

// noteStuck keeps who did not get on.
func (r *run) noteStuck(ended wire.ExecResult) {
	r.in.Stuck = hang.Find(ended.Tasks, slices.Concat(r.lab.console(), []byte("\n"), ended.Running), ended.PID, r.studied())
}

// askProcessors looks where the processors of a guest are that does not answer.
func (r *run) askProcessors() {
	if r.lab.instructions == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), crashGrace)
	defer cancel()
	at, err := r.lab.instructions(ctx)
	if err != nil {
		r.log(err.Error())
	}
	r.deafAt = at
}

// deaf names the places in the modules at which processors were. What a task is
// called there nobody can tell.
func (r *run) deaf() []result.Stuck {
	var stuck []result.Stuck
	for cpu, addr := range r.deafAt {
		site, module := r.trace.placeOf(addr, math.MaxInt64)
		if slices.Contains(r.studied(), module) {
			stuck = append(stuck, result.Stuck{Comm: fmt.Sprintf("processor %d", cpu), State: result.Running, Site: site})
		}
	}
	return stuck
}
