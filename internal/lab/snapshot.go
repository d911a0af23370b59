// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/live"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// A run on TCG restores a snapshot that was taken after the boot, with the tracer attached
// and its hooks tested; if there is none, it takes one. The modules come over the wire.
// Whatever goes wrong with the snapshot or with taking it, the run boots instead.

// facts are what the host knows of a snapshot.
type facts struct {
	Machine  result.Machine
	Trace    wire.TraceResult
	MarkNS   uint64
	Unproved string
	Base     traceBase
	Before   leaks.Objects
	Notes    []string
}

// saveLimit bounds the saving of a snapshot, before it is stretched for TCG.
const saveLimit = 10 * time.Second

// restore takes over the machine that is being restored, or takes a snapshot first. If it
// returns false without an error, the run must boot; an error would also fail a boot.
func (l *Lab) restore(ctx context.Context, a *Ahead) (restored bool, err error) {
	if a == nil {
		return false, nil
	}
	made := a.done == nil && a.image == nil
	if made {
		var err error
		if a.image, made, err = l.shareSnapshot(ctx, a); err != nil {
			if errors.Is(err, snapshot.ErrUnready) {
				return false, err
			}
			return false, nil
		}
	}
	if a.image != nil {
		a.restore(ctx, a.image)
		a.image = nil
	}
	done := l.journal.Phase("boot")
	<-a.done // Resume has a deadline
	if a.err != nil {
		if ctx.Err() == nil {
			a.store.Remove(a.key)
			l.journal.Log(fmt.Sprintf("the snapshot does not resume, booting instead: %v", a.err))
		}
		return false, nil
	}
	l.Log, l.facts = a.log, a.facts
	g, release := a.take()
	l.inVM(g)
	l.stop = func() { g.Close(); release() }
	m, was := &l.Machine, &l.facts.Machine
	m.Warm, m.Kernel, m.CPUs, m.AccelReason = true, was.Kernel, was.CPUs, was.AccelReason
	done("", !made)
	if err := l.sendModules(ctx); err != nil {
		l.stop()
		return false, &StartError{Machine: l.Machine, Console: l.Log.Console(), Err: err}
	}
	return true, nil
}

// shareSnapshot takes a snapshot, or waits for another run of the pool to take it.
func (l *Lab) shareSnapshot(ctx context.Context, a *Ahead) (image *boot.Image, made bool, err error) {
	l.Shared().Saving.Lock()
	defer l.Shared().Saving.Unlock()
	if image, err = a.store.Open(a.key, a.facts); !errors.Is(err, snapshot.ErrNone) {
		return image, false, err
	}
	done := l.journal.Phase("save")
	l.journal.Progress(notify.Progress{Phase: "save", Detail: "taking a snapshot, once for this kernel"})
	take := func(d *snapshot.Draft) (*boot.Image, error) { return l.takeSnapshot(ctx, d, a.opts, a.facts) }
	image, err = a.store.Make(ctx, a.key, int64(l.options.memory())<<20, a.facts, take)
	if err == nil {
		done("", false)
	}
	return image, true, err
}

// takeSnapshot boots another machine, makes it ready for the first module, and saves it.
func (l *Lab) takeSnapshot(
	ctx context.Context, draft *snapshot.Draft, opts boot.Options, f *facts,
) (*boot.Image, error) {
	opts.RAM, opts.Files = draft.RAM, withPrograms(l.Host, opts.Files)
	opts.Kmsg = nil // this run gets the log from the restored machine
	journal := l.journal.Aside(func(line string) { f.Notes = append(f.Notes, line) })
	s := &Lab{
		Prepared: l.WithoutModules(), options: l.options, journal: journal,
		Log: newLog(false, journal), stream: newStream(false, live.New(nil, nil)), Tracer: l.Tracer,
	}
	opts.Console = s.Log
	g, err := boot.Start(ctx, opts)
	if errors.Is(err, boot.ErrSilent) || errors.Is(err, wire.ErrGarbled) {
		return nil, fmt.Errorf("%w: %w", snapshot.ErrUnready, startError(err))
	}
	if err != nil { // it may be the draft's file: QEMU dies if the disk is full
		return nil, err
	}
	defer g.Close()
	s.inVM(g)
	if err := s.ready(ctx); err != nil {
		unready := &StartError{Machine: s.Machine, Console: s.Log.Console(), Err: err}
		return nil, fmt.Errorf("%w: %w", snapshot.ErrUnready, unready)
	}
	if f.Base, err = s.makeBase(ctx); err != nil {
		return nil, err
	}
	f.Machine, f.Trace, f.Unproved, f.Before = s.Machine, s.Tracer.State, s.Tracer.Unproved, s.Before
	if l.Accel == vm.Auto {
		f.Machine.AccelReason = vm.KVMState(l.CacheDir).WhyTCG()
	}
	ctx, cancel := context.WithTimeout(ctx, saveLimit*s.Scale)
	defer cancel()
	image, err := g.Save(ctx, draft.State)
	if err == nil {
		f.MarkNS = image.Slept.MarkNS
	}
	return image, err
}

// ready does the part of the preparation that is the same for every run.
func (l *Lab) ready(ctx context.Context) error {
	if err := l.Attach(ctx); err != nil {
		return err
	}
	return l.listBefore(ctx)
}

// resume takes over the tracer that was attached and tested before the snapshot.
func (l *Lab) resume(ctx context.Context) error {
	f := l.facts
	for _, line := range f.Notes {
		l.journal.Log(line)
	}
	l.stream.read()
	l.Tracer, l.Before = Tracer{State: f.Trace, MarkNS: f.MarkNS, Unproved: f.Unproved}, f.Before
	if l.stream.live == nil {
		return nil
	}
	ctx, cancel := l.Deadline(ctx)
	defer cancel()
	if err := l.readSymbols(ctx); err != nil {
		return l.Failed("read the kernel's symbols", err)
	}
	l.stream.live.Begin(l.kernel, l.Tracer.MarkNS)
	return nil
}
