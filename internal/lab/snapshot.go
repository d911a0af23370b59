// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/leaks"
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

// clockTries is how often a machine is booted anew because its clock is wrong.
const clockTries = 3

// restore takes the machine that is being restored, or makes the snapshot first. If it returns neither a lab nor an
// error, the run must boot; an error would also fail a boot.
func (o opening) restore(ctx context.Context, a *Ahead) (*Lab, error) {
	if a == nil {
		return nil, nil
	}
	made := a.done == nil && a.image == nil
	if made {
		var err error
		if a.image, made, err = o.shareSnapshot(ctx, a); err != nil {
			if errors.Is(err, snapshot.ErrUnready) {
				return nil, err
			}
			return nil, nil
		}
	}
	if a.image != nil {
		a.restore(ctx, a.image)
		a.image = nil
	}
	done := o.journal.Phase("boot")
	g, release, err := a.take()
	if err != nil {
		var stalled *StallError
		if ctx.Err() == nil {
			if !errors.As(err, &stalled) { // else there may be nothing wrong with it
				a.store.Remove(a.key)
			}
			o.journal.Log(fmt.Sprintf("the snapshot does not resume, booting instead: %v", err))
		}
		return nil, nil
	}
	l := o.lab(restored(g, release, o, a.facts), a.log, a.facts, nil)
	done("", !made)
	if err := l.compareClock(ctx, g.Woke); errors.Is(err, boot.ErrClock) {
		l.stop()
		a.store.Remove(a.key)
		o.journal.Log(fmt.Sprintf("%v: booting instead, and taking another snapshot next time", err))
		return nil, nil
	}
	return l, nil
}

// compareClock returns boot.ErrClock if the machine's clock is wrong since an earlier reading. A machine that does not
// answer is left to the next exchange.
func (l *Lab) compareClock(ctx context.Context, earlier boot.Reading) error {
	ctx, cancel := l.armDeadline(ctx)
	defer cancel()
	now, err := boot.ReadClock(ctx, l.Client)
	if err != nil {
		return err
	}
	return earlier.Compare(now)
}

// restored is the machine of a guest that was restored. What its agent said at its boot is in the facts.
func restored(g *boot.Guest, release func(), o opening, f *facts) machine {
	m := inVM(g, o.Kernel.Name, o.options.memory())
	m.stop = func() { g.Close(); release() }
	m.Machine.Warm = true
	m.Machine.Kernel, m.Machine.CPUs, m.Machine.AccelReason = f.Machine.Kernel, f.Machine.CPUs, f.Machine.AccelReason
	return m
}

// shareSnapshot takes a snapshot, or waits for another run of the pool to take it.
func (o opening) shareSnapshot(ctx context.Context, a *Ahead) (image *boot.Image, made bool, err error) {
	o.Shared().Saving.Lock()
	defer o.Shared().Saving.Unlock()
	if image, err = a.store.Open(a.key, a.facts); !errors.Is(err, snapshot.ErrNone) {
		return image, false, err
	}
	done := o.journal.Phase("save")
	o.journal.Progress(notify.Progress{Phase: "save", Detail: "taking a snapshot, once for this kernel"})
	take := func(d *snapshot.Draft) (*boot.Image, error) { return o.takeSnapshot(ctx, d, a.opts, a.facts) }
	for range clockTries {
		*a.facts = facts{}
		image, err = a.store.Make(ctx, a.key, int64(o.options.memory())<<20, a.facts, take)
		if !errors.Is(err, boot.ErrClock) {
			break
		}
		o.journal.Log(fmt.Sprintf("no snapshot is taken of this machine: %v; this host is busy", err))
	}
	if err == nil {
		done("", false)
	}
	return image, true, err
}

// takeSnapshot boots another machine, makes it ready for the first module, and saves it.
func (o opening) takeSnapshot(
	ctx context.Context, draft *snapshot.Draft, opts boot.Options, f *facts,
) (*boot.Image, error) {
	own := opening{
		Prepared: o.WithoutModules(), options: o.options,
		journal: o.journal.Aside(func(line string) { f.Notes = append(f.Notes, line) }),
	}
	own.options.Record = false
	log := newLog(false, own.journal)
	opts.Last = nil // it is not the run's
	opts.RAM, opts.Files = draft.RAM, withPrograms(o.Host, opts.Files)
	opts.Console, opts.Kmsg = log, nil // this run gets the kernel's log from the restored machine
	g, err := boot.Start(ctx, opts)
	if errors.Is(err, boot.ErrSilent) || errors.Is(err, wire.ErrGarbled) {
		return nil, fmt.Errorf("%w: %w", snapshot.ErrUnready, startError(err))
	}
	if err != nil { // it may be the draft's file: QEMU dies if the disk is full
		return nil, err
	}
	defer g.Close()
	booted, err := g.ReadClock(ctx)
	if err != nil {
		return nil, err
	}
	l := own.lab(inVM(g, o.Kernel.Name, o.options.memory()), log, nil, nil)
	if err := l.ready(ctx); err != nil {
		unready := &StartError{Machine: l.Machine, Console: l.Console(), Err: err}
		return nil, fmt.Errorf("%w: %w", snapshot.ErrUnready, unready)
	}
	if f.Base, err = l.makeBase(ctx); err != nil {
		return nil, err
	}
	if err := l.warmUserland(ctx); err != nil {
		return nil, err
	}
	f.Machine, f.Trace, f.Unproved, f.Before = l.Machine, l.Tracer.State, l.Tracer.Unproved, l.Before
	if o.Accel == vm.Auto {
		f.Machine.AccelReason = vm.KVMState(o.CacheDir).WhyTCG()
	}
	ctx, cancel := context.WithTimeout(ctx, saveLimit*l.Scale)
	defer cancel()
	now, err := g.ReadClock(ctx)
	if err != nil {
		return nil, err
	}
	if err := booted.Compare(now); err != nil {
		return nil, err
	}
	image, err := g.Save(ctx, draft.State)
	if err == nil {
		f.MarkNS = image.Slept.MarkNS
	}
	return image, err
}

// ready does the part of the preparation that is the same for every run.
func (l *Lab) ready(ctx context.Context) error {
	if err := l.attach(ctx); err != nil {
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
	ctx, cancel := l.Deadline(ctx)
	defer cancel()
	if err := l.readSymbols(ctx); err != nil {
		return l.Failed("read the kernel's symbols", err)
	}
	if l.stream.live != nil {
		l.stream.live.Begin(l.kernel, l.Tracer.MarkNS)
	}
	return nil
}
