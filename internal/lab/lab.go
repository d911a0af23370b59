// SPDX-License-Identifier: MIT

// Package lab makes a machine ready for a run: it boots a guest, restores one from a
// snapshot, or starts the agent on this machine; it attaches the tracer, runs the
// self-test of its hooks, and arms the search for what modules leave behind.
package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/live"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// Options describe the machine, together with what Prepared says.
type Options struct {
	CPUs, MemoryMiB int           // of a VM; 0: its defaults
	StepTimeout     time.Duration // bounds each exchange, before it is stretched for TCG
	Trace           wire.TraceArgs
	Record          bool // keep the tracer's stream
	NoLeaks         bool // do not search for what stays behind
}

// Lab is a machine whose agent answers. Its methods are for one goroutine; Log and the
// calls of Client are safe for concurrent use.
type Lab struct {
	*wire.Client
	*prepare.Prepared
	Machine  result.Machine
	AgentPID int
	Scale    time.Duration // factor for deadlines
	Log      *Log          // what the kernel says
	CPUs     CPUs          // nil if the machine's CPUs cannot be sampled

	Tracer  Tracer
	Before  leaks.Objects // what existed before the first load
	Watched *leaks.Plan   // what the kernel traces of what modules take; nil for nothing

	options Options
	journal *notify.Journal
	stream  *stream
	kernel  *symbols.Kernel
	facts   *facts // of the snapshot that the machine was restored from; nil if it booted

	ended func() error // why the machine ended; nil while it runs
	// finish lets the machine power off; stop ends it in any case.
	finish    func(context.Context) error
	stop      func()
	installed []string // files that were added to this machine's module tree
}

// CPUs samples the CPUs of a machine through its emulator.
type CPUs interface {
	Processors(context.Context) ([]vm.Processor, error)
	Memory(ctx context.Context, cpu int, addr uint64, size int) ([]byte, error)
}

// Tracer is what is known of the tracer in the guest.
type Tracer struct {
	State    wire.TraceResult
	MarkNS   uint64 // records before it are the self-test's
	Unproved string // why there was no self-test of the hooks
}

// StartError is a machine that did not become ready, with its console until then.
type StartError struct {
	Machine result.Machine
	Console []byte
	Err     error
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// CallError is an exchange with the machine that failed.
type CallError struct {
	What  string // what was asked for
	Err   error
	Ended error // why the machine ended; nil while it runs
}

func (e *CallError) Error() string { return fmt.Sprintf("%s: %v", e.What, e.Err) }
func (e *CallError) Unwrap() error { return e.Err }

// Open boots or restores a VM, or starts the agent on this machine. a may be nil. The
// error is a *StartError, an *evidence.Failure or ctx's.
func Open(ctx context.Context, p *prepare.Prepared, a *Ahead, o Options, j *notify.Journal) (*Lab, error) {
	l := &Lab{Prepared: p, options: o, journal: j, Tracer: Tracer{Unproved: p.Probe.Unproved}}
	l.Log = newLog(p.Here, j)
	ofModule := func(name string) *symbols.Module { return symbols.OfModule(p.Read.Get(name).Data) }
	l.stream = newStream(o.Record, live.New(j.Event(), ofModule))
	if p.Here {
		return l.openHere(ctx)
	}
	restored, err := l.restore(ctx, a)
	if err != nil {
		return nil, err
	}
	if restored {
		return l, nil
	}
	if ctx.Err() != nil { // what ended the restoring
		return nil, context.Cause(ctx)
	}
	return l.boot(ctx)
}

// boot starts a machine without a snapshot.
func (l *Lab) boot(ctx context.Context) (*Lab, error) {
	done := l.journal.Phase("boot")
	files, err := l.moduleFiles()
	if err != nil {
		return nil, err
	}
	base := baseFiles(l.Host)
	g, err := boot.Start(ctx, l.bootOptions(withPrograms(l.Host, append(base, files...))))
	if err != nil {
		return nil, startError(err)
	}
	l.inVM(g)
	done("", false)
	return l, nil
}

// startError wraps the error of a boot.
func startError(err error) error {
	var failed *boot.Error
	if errors.As(err, &failed) {
		return &StartError{Console: failed.Console, Err: err}
	}
	return &StartError{Err: err}
}

func (l *Lab) bootOptions(files []boot.File) boot.Options {
	return boot.Options{
		Kernel: l.Kernel, Agent: l.Agent, Files: files,
		CPUs: l.options.CPUs, MemoryMiB: l.options.MemoryMiB,
		Accel: l.Accel, QEMU: l.QEMU, StateDir: l.CacheDir,
		Console: l.Log, Log: l.journal.Log, Kmsg: l.Log.kmsg,
	}
}

// defaultMemory is the memory of a VM unless the options say otherwise, in MiB.
const defaultMemory = 512

func (o Options) memory() int {
	if o.MemoryMiB == 0 {
		return defaultMemory
	}
	return o.MemoryMiB
}

// inVM makes a guest that answers the machine of the lab.
func (l *Lab) inVM(g *boot.Guest) {
	accel, why := g.Machine.Accel()
	l.Client, l.CPUs, l.AgentPID = g.Client, g.Machine, g.Hello.PID
	l.Scale = time.Duration(vm.DeadlineScale(accel))
	l.Machine = result.Machine{
		Kernel: g.Hello.Release, Name: l.Kernel.Name,
		Accel: string(accel), AccelReason: why, QEMU: g.Machine.QEMUVersion(),
		CPUs: g.Hello.CPUs, MemoryMiB: l.options.memory(),
	}
	l.Log.from(g.Console)
	l.stream.from(g.Events)
	l.ended = func() error {
		select {
		case <-g.Machine.Done():
			return machineEnd(g.Machine)
		case <-time.After(2 * time.Second): // QEMU closes its ports before it exits
			return nil
		}
	}
	l.finish = func(ctx context.Context) error { _, err := g.PowerOff(ctx); return err }
	l.stop = func() { g.Close() }
}

// WentAway is a guest that ended unasked, and without a panic.
type WentAway struct {
	Off bool     // it powered off; else it was reset
	At  []uint64 // the instructions of its CPUs, in their order, if known
}

func (e *WentAway) Error() string {
	if e.Off {
		return "the guest powered off by itself"
	}
	return "the guest restarted by itself"
}

// QEMUError is the end of QEMU itself: it was killed from outside, or crashed.
type QEMUError struct{ Err error }

func (e *QEMUError) Error() string { return e.Err.Error() }

func machineEnd(m *vm.Machine) error {
	exit, err := m.Wait(context.Background())
	if err != nil {
		return err
	}
	switch exit.Reason {
	case vm.Killed, vm.Failed:
		return &QEMUError{exit.Err()}
	case vm.Panicked:
		return exit.Err()
	}
	return &WentAway{Off: exit.Shutdown == "guest-shutdown", At: exit.Instructions}
}

// Failed returns why the machine did not do what it was asked to. If the connection
// ended, it waits for the end of the machine, which says more.
func (l *Lab) Failed(what string, err error) error {
	var refused *wire.CallError
	e := &CallError{What: what, Err: err}
	switch {
	case errors.As(err, &refused), errors.Is(err, context.DeadlineExceeded), errors.Is(err, wire.ErrGarbled):
	default:
		e.Ended = l.ended()
	}
	return e
}

// crashAnswer bounds each exchange with a guest whose kernel has crashed, before it is
// stretched for TCG: a guest that still answers takes a fraction of it.
const crashAnswer = 1500 * time.Millisecond

// Deadline bounds one exchange with the guest.
func (l *Lab) Deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := l.options.StepTimeout
	if l.Log.HasCrashed() {
		limit = min(limit, crashAnswer)
	}
	return context.WithTimeout(ctx, limit*l.Scale)
}

// PowerOff lets the machine power off. A restored machine is a copy that is no longer
// needed, and a crashed one would not power off: Close stops these.
func (l *Lab) PowerOff(ctx context.Context) {
	if l.Log.HasCrashed() || l.facts != nil {
		return
	}
	ctx, cancel := l.Deadline(ctx)
	defer cancel()
	if err := l.finish(ctx); err != nil {
		// The work is done and reported; Close stops a guest that does not power off.
		l.journal.Log(fmt.Sprintf("the guest did not power off: %v", err))
	}
}

// Close ends the machine in any case, and removes what was installed on this machine. It
// can be called again.
func (l *Lab) Close() {
	l.stream.abandon(l.stop)
	l.stop()
	l.stream.live.End()
	l.uninstall()
}

// Evidence closes the machine and returns what the tracer recorded and the kernel logged.
func (l *Lab) Evidence() (trace evidence.Trace, console string, kernelLog []byte) {
	l.Close()
	l.cachedSymbols() // a run that was cut short has not read them
	trace = evidence.Trace{AgentPID: uint32(l.AgentPID), MarkNS: l.Tracer.MarkNS, Kernel: l.kernel, Tape: l.stream.tape}
	for _, h := range l.Tracer.State.Hooks {
		trace.Hooks = append(trace.Hooks, hookOf(h))
	}
	trace.SetRecords(l.stream.records, l.Tracer.State.Lost)
	return trace, string(l.Log.Console()), l.Log.kernelLog()
}

func hookOf(h wire.Hook) evidence.Hook {
	hook := evidence.Hook{FiredBefore: h.FiredBefore, Hook: result.Hook{
		Name: h.Name, Kind: h.Kind, Target: h.Target, Attached: h.Attached, Fired: h.Fired, Missed: h.Missed,
		Fallback: h.Fallback, Runs: h.Runs, RunNS: h.RunNS, Note: h.Note, Kinds: h.Kinds,
	}}
	hook.Prove()
	return hook
}
