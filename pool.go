// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/result"
)

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
// ctx's cause; ended is not called for those that were cut short.
func RunAll(ctx context.Context, specs []Spec, n int, ended func(i int, res *result.Result, err error)) error {
	for i, s := range specs {
		if _, err := s.complete(); err != nil {
			return fmt.Errorf("spec %d: %w", i, err)
		}
	}
	if n <= 0 {
		n = runtime.NumCPU()
	}
	machines := 2 * n
	if slices.ContainsFunc(specs, func(s Spec) bool { return s.Here }) {
		n, machines = 1, 1
	}
	p := &pool{ctx: ctx, specs: specs, ended: ended, shared: &shared{turns: &turns{free: n}}}
	var all sync.WaitGroup
	for range min(machines, len(specs)) {
		all.Go(p.work)
	}
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// pool is one RunAll while it goes on.
type pool struct {
	ctx    context.Context
	specs  []Spec
	ended  func(int, *result.Result, error)
	shared *shared

	mu     sync.Mutex // of next
	next   int
	report sync.Mutex // one call of ended at a time
}

// work carries out one Spec after the other, until none is left.
func (p *pool) work() {
	for {
		i, err := p.begin()
		if err != nil || i == len(p.specs) {
			return
		}
		res, err := runWith(p.ctx, p.specs[i], p.shared)
		p.shared.turns.give()
		if p.ctx.Err() != nil {
			return
		}
		p.report.Lock()
		p.ended(i, res, err)
		p.report.Unlock()
	}
}

// begin takes the next Spec, in their order, once there is a turn for it.
func (p *pool) begin() (int, error) {
	if err := p.shared.turns.take(p.ctx, false); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == len(p.specs) || p.ctx.Err() != nil {
		p.shared.turns.give()
		return len(p.specs), nil
	}
	p.next++
	return p.next - 1, nil
}

// shortWait is what a run may wait without giving up its turn.
const shortWait = 50 * time.Millisecond

// aside lets another run work while this one waits for so long. What it returns
// has this one work again, as soon as one of the others ends or waits.
func (r *run) aside(ctx context.Context, d time.Duration) (back func()) {
	t := r.kept().turns
	if t == nil || d < shortWait {
		return func() {}
	}
	t.give()
	return func() { t.take(ctx, true) } // where ctx ends, all end, and turns are nothing any more
}

// turns has no more than a number of runs work at once. One that has begun comes
// before one that has not, or it would live on and on.
type turns struct {
	mu            sync.Mutex
	free          int
	begun, others []chan struct{}
}

// take waits for a turn. Its error is ctx's.
func (t *turns) take(ctx context.Context, begun bool) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	queue := &t.others
	if begun {
		queue = &t.begun
	}
	*queue = append(*queue, turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(*queue, turn); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
		return context.Cause(ctx)
	}
	return nil // it came meanwhile
}

// give passes a turn on.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, queue := range []*[]chan struct{}{&t.begun, &t.others} {
		if len(*queue) > 0 {
			close((*queue)[0])
			*queue = (*queue)[1:]
			return
		}
	}
	t.free++
}
