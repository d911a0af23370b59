// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
)

// Debug is a debugger that is attached while a script runs.
type Debug struct {
	Breaks  []string // places to stop at instead of init
	Vmlinux string   // a file with the kernel's debug information; "": that of its package, if it is there
	// Attach has somebody debug. It returns when they have left, and before that when ctx ends.
	Attach func(ctx context.Context, d *lab.Debugging) error
}

// debugging is a debugger at work.
type debugging struct {
	*lab.Debugging
	left chan error // gets what Attach has returned
}

// debug stops the machine and hands it over. Whatever follows waits until the debugger lets the machine run.
func (s *session) debug(ctx context.Context, d *Debug) error {
	if d == nil {
		return nil
	}
	made, err := s.Lab.Debug(ctx, d.Breaks, d.Vmlinux)
	if err != nil {
		return err
	}
	s.debugger = &debugging{Debugging: made, left: make(chan error, 1)}
	go func() {
		err := d.Attach(ctx, made)
		made.Leave()
		s.debugger.left <- err
	}()
	return nil
}

// undebug ends the debugging when the modules' work is done: what is left is the search for what they have left.
func (s *session) undebug(ctx context.Context) {
	if s.debugger != nil {
		s.debugger.Finish(ctx)
	}
}

// debugged waits until the person has left the debugger.
func (s *session) debugged(ctx context.Context) {
	if s.debugger == nil {
		return
	}
	if err := <-s.debugger.left; err != nil && ctx.Err() == nil {
		s.fail(evidence.HostFailure(fmt.Errorf("debug: %w", err), ""))
	}
	s.debugger.Finish(ctx)
	s.debugger.Close()
}

// debugStep is how long a step may take that somebody debugs: the guest's clock stands with the guest, but a step that
// hangs is what they want to look at.
const debugStep = 30 * 24 * time.Hour

// guestLimit is the guest's own limit of a command.
func (s *session) guestLimit(limit time.Duration) time.Duration {
	if s.Held() {
		return max(limit, debugStep)
	}
	return limit
}

// later is time.After, for a time that passes only while the machine runs.
func (s *session) later(ctx context.Context, d time.Duration) <-chan time.Time {
	if !s.Held() || s.debugger == nil {
		return time.After(d)
	}
	const tick = 20 * time.Millisecond
	over := make(chan time.Time, 1)
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for left := d; left > 0; {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if !s.Held() || s.debugger.Running() {
				left -= tick
			}
		}
		over <- time.Now()
	}()
	return over
}
