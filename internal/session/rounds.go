// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
)

// Rounds says how often the modules are loaded, run and unloaded.
type Rounds struct {
	N    int    // 0 or 1: once
	Seed uint64 // chooses, if not 0, how long a round lasts: between no time and Script.For
}

// rounds carries out all rounds but the last one, which also brings back what is to be kept. A refusal or a crash ends
// them.
func (s *session) rounds(ctx context.Context, script Script) error {
	lasts := script.Rounds.durations(script.For)
	for i := range script.Rounds.N - 1 {
		script.For = lasts(i)
		if err := s.steps(ctx, s.round(script)...); err != nil {
			return err
		}
		if s.over() {
			return nil
		}
		if err := s.steps(ctx, s.tidy, s.unloadAll); err != nil {
			return err
		}
		if s.over() || s.failed(evidence.Unload) != nil {
			return nil
		}
	}
	script.For = lasts(max(script.Rounds.N, 1) - 1)
	return s.lastRound(ctx, script)
}

// over reports whether no further round makes sense.
func (s *session) over() bool { return s.Log.HasCrashed() || s.failed(evidence.Load) != nil }

// durations says how long each round lasts.
func (r Rounds) durations(most time.Duration) func(i int) time.Duration {
	if r.Seed == 0 || most <= 0 {
		return func(int) time.Duration { return most }
	}
	return func(i int) time.Duration {
		return time.Duration(rand.New(rand.NewPCG(r.Seed, uint64(i))).Int64N(int64(most) + 1))
	}
}

// MissingModprobe is a path that no guest has.
const MissingModprobe = "/nowhere/modprobe"

// modprobePath is where the kernel has the path of the program that it starts for request_module().
const modprobePath = "/proc/sys/kernel/modprobe"

// makeWorld changes what the modules find.
func (s *session) makeWorld(ctx context.Context, helper *string) error {
	if helper == nil {
		return nil
	}
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	if err := boot.WriteFile(ctx, s.Client, modprobePath, 0o644, []byte(*helper+"\n")); err != nil {
		return s.Failed("write "+modprobePath, err)
	}
	return nil
}
