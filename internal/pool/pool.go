// SPDX-License-Identifier: MIT

// Package pool runs many jobs, a few at a time. A run gives up its turn while it only
// waits, so that another one can work.
package pool

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Run carries out count jobs in their order, as turns become free, in at most machines
// goroutines. Each job returns a function to call once the job has ended; these calls
// never overlap. When ctx ends, no further job begins, and the jobs that were cut short
// are not reported.
func Run(ctx context.Context, count, machines int, turns *Turns, work func(i int) (ended func())) {
	q := &queue{ctx: ctx, count: count, turns: turns}
	var all sync.WaitGroup
	for range min(machines, count) {
		all.Go(func() { q.work(work) })
	}
	all.Wait()
}

// queue is one Run in progress.
type queue struct {
	ctx   context.Context
	count int
	turns *Turns

	mu     sync.Mutex // of next
	next   int
	report sync.Mutex // one call of ended at a time
}

// work carries out one job after the other, until none is left.
func (q *queue) work(work func(i int) (ended func())) {
	for {
		i, ok := q.begin()
		if !ok {
			return
		}
		ended := work(i)
		q.turns.Give()
		if q.ctx.Err() != nil {
			return
		}
		q.report.Lock()
		ended()
		q.report.Unlock()
	}
}

// begin takes the next job, once there is a turn for it.
func (q *queue) begin() (i int, ok bool) {
	if err := q.turns.Take(q.ctx, false); err != nil {
		return 0, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == q.count || q.ctx.Err() != nil {
		q.turns.Give()
		return 0, false
	}
	q.next++
	return q.next - 1, true
}

// Turns limits how many runs work at once. A run that has begun comes before one that has
// not, or it might never end. A nil Turns is for a single run.
type Turns struct {
	mu            sync.Mutex
	free          int // below 0 while runs that end have come back without a turn
	begun, others []chan struct{}
}

// NewTurns lets n runs work at once.
func NewTurns(n int) *Turns { return &Turns{free: n} }

// shortWait is how long a run may wait without giving up its turn.
const shortWait = 50 * time.Millisecond

// Aside lets another run work while this one waits for d. back waits until one of the
// others ends or waits, and takes the turn again. If ctx ends, back does not wait: the
// run only ends then, and gives the turn that it owes.
func (t *Turns) Aside(ctx context.Context, d time.Duration) (back func()) {
	if t == nil || d < shortWait {
		return func() {}
	}
	t.Give()
	return func() {
		if t.Take(ctx, true) != nil {
			t.mu.Lock()
			t.free--
			t.mu.Unlock()
		}
	}
}

// Take waits for a turn. Its error is ctx's.
func (t *Turns) Take(ctx context.Context, begun bool) error {
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
	return nil // the turn came meanwhile
}

// Give passes a turn to the next run.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	for _, queue := range []*[]chan struct{}{&t.begun, &t.others} {
		if len(*queue) > 0 && t.free > 0 {
			close((*queue)[0])
			*queue = (*queue)[1:]
			t.free--
			return
		}
	}
}
