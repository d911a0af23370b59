// SPDX-License-Identifier: MIT

// Package lab makes a machine ready for a run: it boots a guest, restores one from a
// snapshot, or starts the agent on this machine; it attaches the tracer, runs the
// self-test of its hooks, and arms the search for what modules leave behind.
package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/live"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/printk"
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
	Record          bool  // keep the tracer's stream
	NoLeaks         bool  // do not search for what stays behind
	Witness         bool  // look at the VM from outside, before and after
	Userland        bool  // programs will run beside the modules
	Core            *Core // gets the guest's memory; nil for nothing
	Cable           bool  // two network interfaces that are joined
}

// Lab is a machine that is ready for a run. Its methods are for one goroutine; Log and the calls of its Client are safe
// for concurrent use.
type Lab struct {
	machine
	hold
	*prepare.Prepared
	Log     *Log // what the kernel says
	Tracer  Tracer
	Before  leaks.Objects // what existed before the first load
	Watched *leaks.Plan   // what the kernel traces of what modules take; nil for nothing

	options Options
	journal *notify.Journal
	stream  *stream
	kernel  *symbols.Kernel // nil until it is read

	kallsyms    []byte // from which kernel was read, if this run has read it
	tableOnce   sync.Once
	symbolTable *table
	facts       *facts           // of the snapshot that the machine was restored from; nil if it booted
	claim       *footprint.Claim // of this machine's kernel; nil in a VM, and if the run changes nothing

	foreign bool     // modules were installed: nothing that this guest says may be kept
	outside *outside // nil if the run has no witness

	words func() printk.Words // what the modules under study print
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

// Open boots or restores a VM, or starts the agent on this machine. a may be nil. The error is a *StartError, an
// *evidence.Failure or ctx's.
func Open(ctx context.Context, p *prepare.Prepared, a *Ahead, o Options, j *notify.Journal) (*Lab, error) {
	if err := checkUserland(p.Host, o); err != nil {
		return nil, evidence.HostFailure(err, "")
	}
	op := opening{p, o, j, footprint.Changeable(p.Agent)}
	if p.Here {
		return op.here(ctx)
	}
	l, err := op.restore(ctx, a)
	if l != nil || err != nil {
		return l, err
	}
	if ctx.Err() != nil { // what ended the restoring
		return nil, context.Cause(ctx)
	}
	return op.boot(ctx)
}

// opening is what a lab is made of, apart from its machine.
type opening struct {
	*prepare.Prepared
	options Options
	journal *notify.Journal
	site    footprint.Machine // this machine, for a run on its own kernel
}

// lab makes the lab of a machine that answers. f is nil if the machine was not restored; claim is what the lab
// undoes at its end.
func (o opening) lab(m machine, log *Log, f *facts, claim *footprint.Claim) *Lab {
	ofModule := func(name string) *symbols.Module { return symbols.OfModule(o.Read.Get(name).Data) }
	l := &Lab{
		machine: m, Prepared: o.Prepared, Log: log, Tracer: Tracer{Unproved: o.Probe.Unproved},
		options: o.options, journal: o.journal, facts: f, claim: claim,
		words:  readWords(o.Prepared),
		stream: newStream(m.events, o.options.Record, live.New(o.journal.Event(), ofModule)),
	}
	if o.options.Witness {
		go l.tableAhead()
	}
	log.Confirm(l.confirm)
	log.Except(func(line string) bool { return l.words().Print(line) })
	return l
}

// boot starts a machine without a snapshot.
func (o opening) boot(ctx context.Context) (*Lab, error) {
	done := o.journal.Phase("boot")
	disks, modules := o.options.disks(o.Host)
	opts := boot.Options{
		Kernel: o.Kernel, Agent: o.Agent, Files: withPrograms(o.Host, baseFiles(o.Host)), Disks: disks, Modules: modules,
		Cable: o.options.Cable, CPUs: o.options.CPUs, MemoryMiB: o.options.MemoryMiB,
		Accel: o.Accel, QEMU: o.QEMU, StateDir: o.CacheDir,
		Log: o.journal.Log, Last: o.options.Core.last(),
	}
	var g *boot.Guest
	var log *Log
	var err error
	for try := 1; ; try++ {
		log = newLog(false, o.journal)
		opts.Console, opts.Kmsg = log, log.kmsg
		if g, err = boot.Start(ctx, opts); err != nil {
			return nil, startError(err)
		}
		if err = checkClock(ctx, g); !errors.Is(err, boot.ErrClock) {
			break
		}
		if try == clockTries { // the times of the story are wrong then, and the verdict may be
			o.journal.Log(fmt.Sprintf("%v, and so are the times below; this host is busy", err))
			break
		}
		o.journal.Log(fmt.Sprintf("%v: booting once more; this host is busy", err))
		g.Close()
	}
	l := o.lab(inVM(g, o.Kernel.Name, o.options.memory()), log, nil, nil)
	done("", false)
	return l, nil
}

// clockSpan is the time over which the clock of a guest that booted is compared with the host's.
const clockSpan = 150 * time.Millisecond

// checkClock returns boot.ErrClock if the guest's clock is wrong. Only an emulated processor's counter is measured.
func checkClock(ctx context.Context, g *boot.Guest) error {
	if accel, _ := g.Machine.Accel(); accel != vm.TCG {
		return nil
	}
	first, err := g.ReadClock(ctx)
	if err != nil {
		return err
	}
	select {
	case <-time.After(clockSpan):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	second, err := g.ReadClock(ctx)
	if err != nil {
		return err
	}
	return first.Compare(second)
}

// startError wraps the error of a boot.
func startError(err error) error {
	var failed *boot.Error
	if errors.As(err, &failed) {
		return &StartError{Console: failed.Console, Err: err}
	}
	return &StartError{Err: err}
}

// defaultMemory is the memory of a VM unless the options say otherwise, in MiB.
const defaultMemory = 512

func (o Options) memory() int {
	if o.MemoryMiB == 0 {
		return defaultMemory
	}
	return o.MemoryMiB
}

// Failed returns why the machine did not do what it was asked to. If the connection
// ended, it waits for the end of the machine, which says more.
func (l *Lab) Failed(what string, err error) error {
	var refused *wire.CallError
	var stalled *StallError
	e := &CallError{What: what, Err: err}
	switch {
	case errors.As(err, &refused), errors.As(err, &stalled), errors.Is(err, wire.ErrGarbled):
	case errors.Is(err, context.DeadlineExceeded):
		if stalled := l.Stalled(); stalled != nil {
			e.Err = stalled
		}
	default:
		e.Ended = l.ended()
	}
	return e
}

// Stalled returns a *StallError if the machine's QEMU was kept from running in the last seconds.
func (l *Lab) Stalled() error {
	if l.stalled == nil {
		return nil
	}
	return l.stalled()
}

// crashAnswer bounds each exchange with a guest whose kernel has crashed, before it is
// stretched for TCG: a guest that still answers takes a fraction of it.
const crashAnswer = 1500 * time.Millisecond

// Deadline bounds one exchange with the guest. If its kernel crashes meanwhile, little is left of the time.
func (l *Lab) Deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return l.within(ctx, l.options.StepTimeout)
}

// within is Deadline with a limit of its own, before it is stretched for TCG.
func (l *Lab) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if l.Log.HasCrashed() {
		return l.Within(ctx, min(limit, crashAnswer)*l.Scale)
	}
	ctx, end := l.Within(ctx, limit*l.Scale)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-l.Log.Crashed():
		case <-ctx.Done():
			return
		}
		if l.Sleep(ctx, crashAnswer*l.Scale) {
			cancel(context.DeadlineExceeded)
		}
	}()
	return ctx, func() { cancel(nil); end() }
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

// Said returns how much the kernel has said so far, on the console and in its log.
func (l *Lab) Said() evidence.Earlier {
	return evidence.Earlier{Console: len(l.Console()), KernelLog: l.Log.size()}
}

// witnessLimit is how long a machine may take to say whether its kernel is tainted. One that takes longer has crashed,
// as its console claims.
const witnessLimit = 3 * time.Second

// A kernel taints itself at the end of its report. reportLimit is how long that may take after the report's body began,
// and witnessPause lies between two readings.
const (
	reportLimit  = time.Second
	witnessPause = 50 * time.Millisecond
)

// confirm asks the machine whether a report on its console is the kernel's own: whether the taint mask has one of these
// bits. A kernel does not answer after a final report.
func (l *Lab) confirm(taint uint64, final bool) bool {
	ctx, cancel := l.Within(context.Background(), witnessLimit)
	defer cancel()
	for began := time.Now(); ; {
		text, err := boot.ReadFile(ctx, l.Client, "/proc/sys/kernel/tainted", 64)
		if err != nil || final {
			return err != nil
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || mask&taint != 0 {
			return true
		}
		if time.Since(began) > reportLimit {
			return false
		}
		select {
		case <-time.After(witnessPause):
		case <-l.Done(): // the next question tells why
		}
	}
}

// readWords reads what the modules under study print. It is read once, when a line looks like a report.
func readWords(p *prepare.Prepared) func() printk.Words {
	return sync.OnceValue(func() printk.Words {
		return printk.WordsOf(p.Studied(), func(name string) []byte { return p.Read.Get(name).Data })
	})
}

// Crashes returns the reports on the console so far, without lines that the modules print themselves.
func (l *Lab) Crashes() []result.Crash {
	if l.words == nil {
		return oops.Parse(l.Console())
	}
	return oops.ParseExcept(l.Console(), l.words().Print)
}

// Console returns what the kernel has printed so far: on the console of a VM, or in the log of this machine.
func (l *Lab) Console() []byte {
	if l.console == nil {
		return l.Log.here()
	}
	return l.console()
}

// Close ends the machine in any case. On this machine it unloads and removes what the run has loaded and installed,
// also if the agent was killed. It can be called again.
func (l *Lab) Close() {
	l.stream.abandon(l.stop)
	l.stop()
	l.stream.live.End()
	undo(l.claim, l.journal)
	l.claim = nil
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
	return trace, string(l.Console()), l.Log.kernelLog()
}

func hookOf(h wire.Hook) evidence.Hook {
	hook := evidence.Hook{FiredBefore: h.FiredBefore, Hook: result.Hook{
		Name: h.Name, Kind: h.Kind, Target: h.Target, Attached: h.Attached, Fired: h.Fired, Missed: h.Missed,
		Fallback: h.Fallback, Runs: h.Runs, RunNS: h.RunNS, Note: h.Note, Kinds: h.Kinds,
	}}
	hook.Prove()
	return hook
}
