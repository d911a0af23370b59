// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/session"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
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

// TraceSpec says what to watch. Every zero value works.
type TraceSpec struct {
	// Argv is a command to run meanwhile. In the VM it is one of modprobe, insmod, rmmod, lsmod, modinfo and depmod; with
	// Here any command of this machine, as a child of this process with Stdin.
	Argv  []string
	Stdin io.Reader
	// For is how long to watch, whether or not Argv ends before; 0 is until Argv ends, or ten seconds without.
	For    time.Duration
	Filter Filter

	// Dir or Files are built and installed in the VM but not loaded: that is the command's work. Load names modules of
	// the kernel's own that the guest is to have.
	Dir          string
	Files, Load  []string
	Build        Build         // where Dir is built
	BuildTimeout time.Duration // as in Spec
	StepTimeout  time.Duration // as in Spec

	// Probe loads the self-test's module with Here too, which changes this machine's kernel (it is tainted). In a VM it
	// is always loaded.
	Probe bool

	Machine
	Tools
	Observe
}

// spec is the part that a run has as well.
func (s TraceSpec) spec() Spec {
	return Spec{
		Dir: s.Dir, Files: s.Files, Load: s.Load, For: s.For, Build: s.Build, BuildTimeout: s.BuildTimeout,
		StepTimeout: s.StepTimeout,
		Machine:     s.Machine, Tools: s.Tools, Observe: s.Observe,
	}
}

// defaultWatch is how long a trace without a command lasts.
const defaultWatch = 10 * time.Second

// complete checks a TraceSpec and fills its zero values.
func (s TraceSpec) complete() (TraceSpec, error) {
	if s.Here && (s.Dir != "" || len(s.Files) > 0 || len(s.Load) > 0) {
		return s, usage("Here", "a trace changes nothing on this machine, so it installs no modules: leave them out, or use a VM")
	}
	if err := s.Filter.check(); err != nil {
		return s, err
	}
	if err := s.checkCommand(); err != nil {
		return s, err
	}
	if err := s.spec().check("trace this machine's kernel"); err != nil {
		return s, err
	}
	if s.For == 0 && len(s.Argv) == 0 {
		s.For = defaultWatch
	}
	whole, err := s.spec().fill()
	s.StepTimeout, s.BuildTimeout, s.Tools = whole.StepTimeout, whole.BuildTimeout, whole.Tools
	return s, err
}

func (f Filter) check() error {
	for _, s := range f.Signals {
		if s < 1 || s > 64 {
			return usage("Filter.Signals", "there is no signal %d: they are 1 to 64", int(s))
		}
	}
	for _, of := range []struct{ field, name string }{
		{"Thread", f.Thread}, {"From", f.From}, {"To", f.To}, {"Module", f.Module},
	} {
		if strings.ContainsRune(of.name, 0) || len(of.name) > 63 {
			return usage("Filter."+of.field,
				"no task or module is called %q: a task's name has at most %d characters, a module's 55", of.name, maxComm)
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
			return usage("", "%s: no such command on this machine: %v", s.Argv[0], err)
		}
		return nil
	}
	if !slices.Contains(kmodcmd.Names(), path.Base(s.Argv[0])) {
		return usage("", "%s is not a command of the guest, which has only %s; on this machine itself (--here) any command can be run",
			s.Argv[0], strings.Join(kmodcmd.Names(), ", "))
	}
	return nil
}

// Trace watches a kernel while a command runs there, or for a time, and tells
// what happened. When ctx ends while the trace goes on, the trace ends early and
// is told all the same; when it ends before, Trace gives its cause. Otherwise
// it is as Run, but that a trace passes when the guest got to its end and the
// command, if any, succeeded.
func Trace(ctx context.Context, spec TraceSpec) (*Conclusion, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	work, interrupter, release := session.Interruptible(ctx)
	defer release()
	what := spec.about(time.Now())
	j := notify.New(spec.Watch.watcher())
	options := prepareOptions(spec.spec())
	options.NoProbe = spec.Here && !spec.Probe
	l, e, err := open(work, options, spec.labOptions(), new(prepare.Shared), j)
	if err != nil {
		return nil, err
	}
	if l != nil {
		e = session.RunTrace(work, l, spec.trace(), interrupter, j)
	}
	what.note(e)
	return conclude(work, e, spec.Here, spec.Record)
}

func (s TraceSpec) trace() session.Trace {
	return session.Trace{
		Options: session.Options{StepTimeout: s.StepTimeout},
		For:     s.For, Argv: s.Argv, Stdin: s.Stdin, Missing: s.Filter.unmatched,
	}
}

func (s TraceSpec) labOptions() lab.Options {
	o := labOptions(s.spec())
	o.Trace = s.wire()
	return o
}

func (s TraceSpec) wire() wire.TraceArgs {
	f := wire.TraceFilter{Thread: s.Filter.Thread, Module: s.Filter.Module, From: s.Filter.From, To: s.Filter.To}
	for _, sig := range s.Filter.Signals {
		f.Signals = append(f.Signals, int(sig))
	}
	return wire.TraceArgs{Filter: f, Stats: s.HookStats, Steady: s.SteadyHooks}
}

// unmatched says which of the filters' names no event bore, for a mistyped name
// shows nothing and is no error: what bears it may have come later.
func (f Filter) unmatched(events []event.Event) []string {
	task := func(name string) bool {
		name = name[:min(len(name), maxComm)]
		return slices.ContainsFunc(events, func(e event.Event) bool { return e.By.Comm == name || e.Target.Comm == name })
	}
	var missing []string
	if f.Thread != "" && !task(f.Thread) {
		missing = append(missing, "thread "+f.Thread)
	}
	if len(events) > 0 {
		return missing
	}
	for _, other := range []struct{ what, value string }{
		{"module", f.Module}, {"sender", f.From}, {"target", f.To},
	} {
		if other.value != "" {
			missing = append(missing, other.what+" "+other.value)
		}
	}
	if len(f.Signals) > 0 {
		var names []string
		for _, s := range f.Signals {
			names = append(names, timeline.SignalName(int(s)))
		}
		missing = append(missing, "signal "+strings.Join(names, ","))
	}
	return missing
}

// maxComm is the kernel's bound of a task's name.
const maxComm = 15
