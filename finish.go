// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// detach takes in what the tracer recorded and what is still loaded.
func (r *run) detach(ctx context.Context) bool {
	done := r.phase("report")
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	if err := r.leftovers(ctx); err != nil {
		return r.callFailure(err, "list modules")
	}
	if err := r.trace.stop(ctx, r.lab); err != nil {
		return r.callFailure(err, "stop the tracer")
	}
	if r.live != nil {
		r.live.end()
	}
	if err := r.readSymbols(ctx); err != nil {
		return r.callFailure(err, "read the kernel's symbols")
	}
	r.in.Finished = true
	done("", false)
	return true
}

// leftovers sees which modules of the plan are still there.
func (r *run) leftovers(ctx context.Context) error {
	var err error
	if r.leaks.modules, err = r.listModules(ctx); err != nil {
		return err
	}
	still := make(map[string]bool)
	for _, m := range r.leaks.modules {
		still[m.Name] = true
	}
	for i := range r.res.Modules {
		m := &r.res.Modules[i]
		m.Unloaded = m.Loaded && !still[m.Name]
	}
	return nil
}

func (r *run) powerOff(ctx context.Context) bool {
	if r.broken || r.warm != nil {
		return true // it is stopped, and a copy is not needed any more
	}
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	if err := r.lab.finish(ctx); err != nil {
		// The work is done and reported; a guest that will not go is stopped.
		r.log(fmt.Sprintf("the guest did not power off by itself: %v", err))
	}
	return true
}

// deadline bounds one exchange with the guest.
func (r *run) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := r.spec.StepTimeout
	if r.broken {
		limit = min(limit, crashAnswer)
	}
	return context.WithTimeout(ctx, limit*r.lab.scale)
}

// callFailure says why the guest did not do what it was asked.
func (r *run) callFailure(err error, what string) bool {
	r.res.Console = string(r.lab.console())
	var refused *wire.CallError
	var qemu *qemuError
	var away *wentAway
	switch {
	case errors.As(err, &refused):
		r.in.Host = &result.Failure{Message: fmt.Sprintf("%s: %s", what, refused.Text)}
	case errors.Is(err, context.DeadlineExceeded):
		r.in.Timeout = &result.Failure{Message: what + ": no answer from the guest in time"}
		r.askProcessors()
	case errors.Is(err, wire.ErrGarbled):
		r.in.Lost = &result.Failure{Message: fmt.Sprintf("%s: %v", what, err)}
	default:
		end := r.lab.ended()
		if errors.As(end, &qemu) {
			r.in.Host = &result.Failure{Message: qemu.Error(), Hint: killedHint}
			break
		}
		if end == nil {
			end = err
		}
		if errors.As(end, &away) {
			r.endedAt = away.at
		}
		r.in.Lost = &result.Failure{Message: fmt.Sprintf("%s: %v", what, end)}
		r.res.Console = string(r.lab.console()) // its last words
	}
	return false
}
