// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// Filter says what a trace records. What does not match is dropped in the
// kernel, before it costs room in a buffer. Every field that is set must match;
// the zero value records everything.
type Filter struct {
	Thread  string           // the kernel thread with this name
	Module  string           // what a module does, and what happens to it
	From    string           // who sends a signal: name or pid
	To      string           // who gets it: name or pid
	Signals []syscall.Signal // these signals only
}

// TraceSpec says what to watch.
type TraceSpec struct {
	// Spec names the machine, as for Run. Its Dir or Files, where given, are built
	// and installed in the VM but not loaded: that is the command's work. Its Load
	// names modules of the kernel's own that the guest is to have. For is how long
	// to watch, whether or not Argv ends before; 0 is until Argv ends, or ten
	// seconds without. Params and Script have no place here.
	Spec
	// Argv is a command to run meanwhile. In the VM it is one of modprobe, insmod,
	// rmmod, lsmod, modinfo and depmod; with Here any command of this machine, as a
	// child of this process with Stdin.
	Argv  []string
	Stdin io.Reader

	Filter Filter
	// Probe lets the self-test's module be loaded with Here too, which is a change
	// of this machine's kernel (it is tainted). In a VM it always is.
	Probe bool
}

// defaultWatch is how long a trace without a command lasts.
const defaultWatch = 10 * time.Second

// complete checks a TraceSpec and fills its zero values.
func (s TraceSpec) complete() (TraceSpec, error) {
	hasModules := s.Dir != "" || len(s.Files) > 0 || len(s.Load) > 0
	switch {
	case len(s.Params) > 0 || s.Script != nil:
		return s, usage("a trace loads nothing by itself: give parameters to the command")
	case s.Here && hasModules:
		return s, usage("--here changes nothing on this machine, so it installs no modules: leave --modules out, or --here")
	case s.Here && (s.Kernel != "" || s.Accel != ""):
		return s, usage("--here traces this machine's own kernel: no other kernel or accelerator can be chosen")
	case s.Here && os.Geteuid() != 0:
		return s, usage("--here traces this machine's kernel, which only root may: sudo kmodlab trace --here …")
	}
	if err := s.Filter.check(); err != nil {
		return s, err
	}
	if err := s.checkCommand(); err != nil {
		return s, err
	}
	length := s.For
	spec, err := s.Spec.completeMachine()
	if err != nil {
		return s, err
	}
	s.Spec = spec
	s.For = length
	if s.For == 0 && len(s.Argv) == 0 {
		s.For = defaultWatch
	}
	return s, nil
}

func (f Filter) check() error {
	for _, s := range f.Signals {
		if s < 1 || s > 64 {
			return usage("there is no signal %d: they are 1 to 64", int(s))
		}
	}
	for _, name := range []string{f.Thread, f.From, f.To, f.Module} {
		if strings.ContainsRune(name, 0) || len(name) > 63 {
			return usage("%q names nothing in a kernel: a task's name has at most %d characters, a module's 55", name, maxComm)
		}
	}
	return nil
}

// checkCommand finds a command that is not there before anything is booted.
func (s TraceSpec) checkCommand() error {
	if len(s.Argv) == 0 {
		return nil
	}
	if s.Here {
		if _, err := exec.LookPath(s.Argv[0]); err != nil {
			return usage("%s: no such command on this machine: %v", s.Argv[0], err)
		}
		return nil
	}
	if !slices.Contains(kmodcmd.Names(), path.Base(s.Argv[0])) {
		return usage("%s is no command of the guest, which has %s only; with --here any command of this machine can be run",
			s.Argv[0], strings.Join(kmodcmd.Names(), ", "))
	}
	return nil
}

// Trace watches a kernel while a command runs there, or for a time, and tells
// what happened. When ctx ends while the trace goes on, the trace ends early and
// is told all the same; when it ends before, Trace gives its cause. Otherwise
// it is as Run, but that a trace passes when the guest got to its end and the
// command, if any, succeeded.
func Trace(ctx context.Context, spec TraceSpec) (*result.Result, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	o := &observation{spec: spec, stop: make(chan struct{})}
	o.run = &run{spec: spec.Spec, res: &result.Result{Schema: result.Schema}, traceArgs: spec.wire()}
	o.run.trace.record = spec.Record != nil
	o.run.watchEvents()
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { o.interrupt(ctx, cancel) })()
	o.run.all(work, o.steps())
	if work.Err() != nil {
		return nil, context.Cause(work)
	}
	if o.run.wrong != nil {
		return nil, o.run.wrong
	}
	o.conclude()
	return o.run.res, nil
}

func (s TraceSpec) wire() wire.TraceArgs {
	f := wire.TraceFilter{Thread: s.Filter.Thread, Module: s.Filter.Module, From: s.Filter.From, To: s.Filter.To}
	for _, sig := range s.Filter.Signals {
		f.Signals = append(f.Signals, int(sig))
	}
	return wire.TraceArgs{Filter: f, Stats: s.HookStats, Steady: s.SteadyHooks}
}

// observation is one Trace while it goes on.
type observation struct {
	spec TraceSpec
	run  *run
	took time.Duration

	mu       sync.Mutex
	watching bool
	stop     chan struct{} // closed when the caller has seen enough
	stopped  bool
}

// steps: on a real machine no kernel is fetched, for the one that runs is the
// one to trace, and nothing is built unless the probe module is welcome.
func (o *observation) steps() []step {
	r := o.run
	steps := []step{r.findPrograms, r.fetch, r.buildProbe, r.startAhead, r.compile, o.install, r.start, r.attach, o.watch, r.detach, r.powerOff}
	if r.spec.Here && !o.spec.Probe {
		r.unproved = "--here loads no module into this machine's kernel; --probe lets it"
		steps = []step{r.findPrograms, r.start, r.attach, o.watch, r.detach, r.powerOff}
	}
	return steps
}

// install decides which modules the guest has. None are loaded.
func (o *observation) install(ctx context.Context) bool {
	if o.spec.Dir == "" && len(o.spec.Files) == 0 && len(o.spec.Load) == 0 {
		return true
	}
	ok := o.run.resolve(ctx)
	o.run.res.Modules = nil // what is loaded, the trace says
	return ok
}

// interrupt ends the trace where one goes on, and everything where not.
func (o *observation) interrupt(ctx context.Context, cancel context.CancelCauseFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.watching {
		o.stopped = true
		close(o.stop)
		return
	}
	if !o.stopped {
		cancel(context.Cause(ctx))
	}
}

func (o *observation) setWatching(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watching = on
	o.stopped = o.stopped || !on // from now on there is something to tell
}

// watch lets things happen until the time is over, the caller has seen enough, or
// where no time was given, the command has ended.
func (o *observation) watch(ctx context.Context) bool {
	r := o.run
	o.setWatching(true)
	defer o.setWatching(false)
	done := r.phase("trace")
	start := time.Now()
	command, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := o.start(command)
	ok := o.wait(ctx, ended)
	cancel()
	if ended != nil {
		for range ended { // a child of ours does not outlive us
		}
	}
	o.took = time.Since(start)
	done("", false)
	return ok
}

func (o *observation) wait(ctx context.Context, ended <-chan error) bool {
	r := o.run
	var over <-chan time.Time
	if o.spec.For > 0 {
		timer := time.NewTimer(o.spec.For)
		defer timer.Stop()
		over = timer.C
	}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return r.callFailure(err, strings.Join(o.spec.Argv, " "))
			}
			if over == nil {
				return true
			}
			ended = nil // what it began may go on
		case <-over:
			return true
		case <-o.stop:
			return true
		case <-look.C:
			if r.crashed() {
				return true
			}
		case <-ctx.Done():
			return false
		case <-r.lab.Done():
			return r.callFailure(r.lab.Err(), "while tracing")
		}
	}
}

// start runs the command, here or in the guest. What it returns is closed when
// the command has ended; nil where there is none.
func (o *observation) start(ctx context.Context) <-chan error {
	if len(o.spec.Argv) == 0 {
		return nil
	}
	if f := o.spec.Watch.Start; f != nil {
		f(o.spec.Argv)
	}
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		if o.spec.Here {
			o.commandHere(ctx)
			return
		}
		if err := o.commandInGuest(ctx); err != nil {
			ended <- err
		}
	}()
	return ended
}

// commandInGuest has the agent run the command.
func (o *observation) commandInGuest(ctx context.Context) error {
	r := o.run
	argv := slices.Clone(o.spec.Argv)
	argv[0] = path.Base(argv[0])
	timeout := r.spec.StepTimeout * r.lab.scale
	ctx, cancel := context.WithTimeout(ctx, timeout+10*time.Second)
	defer cancel()
	var end wire.ExecResult
	_, err := r.lab.Stream(ctx, wire.OpExec, wire.ExecArgs{Argv: argv, TimeoutMS: timeout.Milliseconds()}, nil, &end, func(b []byte) {
		if w := r.spec.Watch.Output; w != nil {
			w.Write(b)
		}
	})
	if err != nil {
		return err
	}
	o.commandEnded(end.Exit, end.MS)
	if end.TimedOut {
		r.in.Timeout = &result.Failure{Message: fmt.Sprintf("%s did not end in %s", strings.Join(argv, " "), timeout)}
	}
	return nil
}

// commandHere runs the command as a child of this process.
func (o *observation) commandHere(ctx context.Context) {
	start := time.Now()
	cmd := exec.CommandContext(ctx, o.spec.Argv[0], o.spec.Argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.spec.Stdin, o.spec.Watch.Output, o.spec.Watch.Output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		return // ended by us, which is no failure of its own
	}
	exit := 0
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		exit = failed.ExitCode()
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			exit = 128 + int(status.Signal())
		}
	case err != nil:
		o.run.in.Host = &result.Failure{Message: fmt.Sprintf("run %s: %v", o.spec.Argv[0], err)}
		return
	}
	o.commandEnded(exit, float64(time.Since(start).Microseconds())/1000)
}

// killGrace is how long a child may take to end after SIGTERM.
const killGrace = 5 * time.Second

func (o *observation) commandEnded(exit int, ms float64) {
	r := o.run
	command := result.Command{Argv: o.spec.Argv, Exit: exit, MS: ms}
	r.res.Commands = append(r.res.Commands, command)
	if exit != 0 {
		r.in.Unmet = append(r.in.Unmet, fmt.Sprintf("%s failed with exit status %d", strings.Join(command.Argv, " "), exit))
	}
}

// conclude makes the result; a trace that went well says how long it was.
func (o *observation) conclude() {
	r := o.run
	r.in.Passed = fmt.Sprintf("traced for %.1f s", o.took.Seconds())
	missing := o.spec.Filter.unmatched(r.trace.all())
	if len(missing) > 0 {
		r.in.Passed += ", and nothing matched " + strings.Join(missing, ", ")
	}
	if len(missing) > 0 {
		r.passHint = "names are as in ps -e (a thread's first 15 characters), lsmod and kill -l; or it did not happen"
	}
	r.conclude()
}
