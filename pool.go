// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"runtime"

	"github.com/kmodlab/kmodlab/internal/pool"
	"github.com/kmodlab/kmodlab/internal/prepare"
)

// Pool carries out Specs that come one by one, from several goroutines, as the tests of a program do. It is RunAll for
// those who do not know all Specs beforehand: what is the same for all is read and made once, so many runs work at
// once, and up to twice as many machines are there.
type Pool struct {
	shared          *prepare.Shared
	turns, machines *pool.Turns
}

// NewPool returns a Pool of n runs at a time; 0 is as many as this machine has processors. It has nothing to close.
func NewPool(n int) *Pool {
	if n <= 0 {
		n = runtime.NumCPU()
	}
	return &Pool{shared: new(prepare.Shared), turns: pool.NewTurns(n), machines: pool.NewTurns(2 * n)}
}

// Run is the function Run, in its turn. It may be called by several goroutines at once. The waiting ends with ctx.
// Spec.Here is a *UsageError: such runs follow one another, see RunAll.
func (p *Pool) Run(ctx context.Context, spec Spec) (*Conclusion, error) {
	if spec.Here {
		return nil, usage("Here", "a Pool runs VMs: use Run or RunAll for this machine's own kernel")
	}
	if _, err := spec.complete(); err != nil {
		return nil, err
	}
	for _, turns := range []*pool.Turns{p.machines, p.turns} {
		if err := turns.Take(ctx, false); err != nil {
			return nil, context.Cause(ctx)
		}
		defer turns.Give()
	}
	return run(ctx, spec, p.shared, p.turns)
}
