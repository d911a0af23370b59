// SPDX-License-Identifier: MIT

package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// maxTraceText bounds what is read of the guest's kernel trace, in bytes. A busy timer fills its buffers anew while
// they are read.
const maxTraceText = 32 << 20

// settle is how long something that a module left armed, or may have, has to fire after
// unload.
const settle = 500 * time.Millisecond

// dyingLooks is how often it is looked again, after settle each, whether a task that has ended is freed. Its last
// reference is RCU's: on a machine that has much else to do, seconds were seen to pass.
const dyingLooks = 12

// outlived is how long a thread that outlives its module has to run into freed code.
const outlived = 3 * time.Second

// search lists what exists after unload, or after an init that failed and should have
// undone what it did. Anything that may still fire or vanish gets time to settle. A
// crashed kernel is left alone: its report is the verdict.
func (s *session) search(ctx context.Context) error {
	held := s.failed(evidence.Unload) != nil // what keeps it may be known
	if !s.SeeksLeaks() || s.Log.HasCrashed() || !s.unloaded && !held && s.failed(evidence.Load) == nil {
		return nil
	}
	done := s.journal.Phase("leaks")
	defer done("", false)
	if held {
		return cmp.Or(s.searchOnce(ctx), s.askMissed(ctx))
	}
	if err := s.searchOnce(ctx); err != nil {
		return err
	}
	if s.maySettle() {
		if s.ledger != nil {
			s.Watched.Early = true
		}
		if err := s.wait(ctx, settle, "after unload"); err != nil {
			return err
		}
		if !s.Log.HasCrashed() {
			if s.Watched != nil {
				s.Watched.Early = false
			}
			if err := s.searchOnce(ctx); err != nil {
				return err
			}
		}
	}
	if err := s.awaitFreed(ctx); err != nil {
		return err
	}
	if !s.Log.HasCrashed() && s.threadsStay() {
		return s.wait(ctx, outlived, "after unload")
	}
	return nil
}

// awaitFreed waits until the tasks that have ended are freed, as far as that is seen.
func (s *session) awaitFreed(ctx context.Context) error {
	for range dyingLooks {
		if err := s.askMissed(ctx); err != nil {
			return err
		}
		if s.Log.HasCrashed() || s.ledger == nil || !s.ledger.Dying(s.Studied()) {
			return nil
		}
		if err := s.wait(ctx, settle, "until RCU has freed the tasks that have ended"); err != nil {
			return err
		}
		if err := s.searchOnce(ctx); err != nil {
			return err
		}
	}
	return s.askMissed(ctx)
}

// maxProfile bounds the list of all kprobes, in bytes.
const maxProfile = 1 << 20

// askMissed asks the kernel which hits of the probes it missed, if something is held against the modules.
func (s *session) askMissed(ctx context.Context) error {
	if s.Log.HasCrashed() || s.ledger == nil || !s.ledger.Accuses(s.Studied()) {
		return nil
	}
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	ctx, stop := s.untilCrash(ctx)
	defer stop()
	profile, err := boot.ReadFile(ctx, s.Client, leaks.Profile, maxProfile)
	if err != nil {
		stop()
		if errors.Is(context.Cause(ctx), errCrashed) {
			return nil
		}
		return s.Failed("ask which hits of the probes were missed", err)
	}
	before := len(s.Watched.Missed)
	if missed := s.ledger.Missed(profile, s.Studied()); missed > 0 && before == 0 {
		s.journal.Log(fmt.Sprintf("the kernel missed hits of the probes by which leaks are found: %d", missed))
	}
	return nil
}

func (s *session) threadsStay() bool { return len(leaks.AddedThreads(&s.Before, &s.after)) > 0 }

// maySettle reports whether the list may still change by itself: code of the modules may
// run although they are unloaded, or what seems left is about to vanish, as the name of
// a slab cache does.
func (s *session) maySettle() bool {
	if s.Watched == nil || s.Watched.Late || s.threadsStay() || len(leaks.Added(&s.Before, &s.after)) > 0 {
		return true
	}
	return s.ledger != nil && (s.ledger.Overrun || s.ledger.Holds(s.Studied()))
}

// searchOnce reads what exists now. A crash meanwhile ends it without an error.
func (s *session) searchOnce(ctx context.Context) error {
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	ctx, stop := s.untilCrash(ctx)
	defer stop()
	// Both at once: a guest has two CPUs, and each takes 25 to 60 ms of a CPU under emulation.
	var g errgroup.Group
	var trace []byte
	cut := false
	var after leaks.Objects
	traced := s.Watched != nil && len(s.Watched.Settings) > 0
	if traced {
		g.Go(func() (err error) {
			trace, cut, err = s.readTrace(ctx)
			return err
		})
	}
	g.Go(func() error { return s.Call(ctx, wire.OpSnapshot, wire.SnapshotArgs{Added: true}, &after) })
	err := g.Wait()
	if err != nil {
		stop()
		if !errors.Is(context.Cause(ctx), errCrashed) {
			return s.Failed("list what is left after unload", err)
		}
		if trace == nil {
			return nil
		}
		s.Watched.Early = true
	} else {
		s.after, s.compared = after, true
	}
	if !traced {
		return nil
	}
	s.Watched.Cut = cut
	s.ledger = leaks.Read(s.Watched, trace)
	if s.ledger.Overrun {
		s.journal.Log("the kernel's trace overflowed, so leaked memory and references are unknown: let the modules run " +
			"for a shorter time, or do less")
	}
	return nil
}

// readTrace reads what the kernel's trace has of the modules. cut reports that it is longer than is read.
func (s *session) readTrace(ctx context.Context) (trace []byte, cut bool, _ error) {
	trace, err := boot.ReadFile(ctx, s.Client, leaks.Instance+"/trace", maxTraceText)
	if errors.Is(err, boot.ErrLonger) {
		return trace, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return trace, false, nil
}

// detach collects what the tracer recorded, and the modules that are still loaded.
func (s *session) detach(ctx context.Context) error {
	done := s.journal.Phase("report")
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	var err error
	if s.remains, err = s.listModules(ctx); err != nil {
		return s.Failed("list modules", err)
	}
	still := make(map[string]bool)
	for _, m := range s.remains {
		still[m.Name] = true
	}
	s.noteOthers()
	for i := range s.modules {
		m := &s.modules[i]
		m.Unloaded = m.Loaded && !still[m.Name]
	}
	if err := s.Detach(ctx); err != nil {
		return err
	}
	if _, err := s.listModules(ctx); err != nil { // the taint mask, after all that the log has
		return s.Failed("list modules", err)
	}
	s.finished, s.cut, s.taint.AtEnd = true, s.Log.HasCrashed(), true
	done("", false)
	return nil
}
