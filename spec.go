// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/session"
)

// Spec says what to run. Dir or Files is needed, unless there is a Command; every other zero value works.
type Spec struct {
	// Dir is a folder of sources with a Kbuild or Makefile. It is not written to.
	Dir string
	// Files are ready .ko files, instead of Dir.
	Files []string
	// Load names the modules to load; their dependencies come along, from the folder or from the kernel's own tree.
	// Empty: all modules of the folder.
	Load []string
	// Params are module parameters, as "module.param=value", or "module.param" for a bool. A value with spaces is put in
	// double quotes, as on the kernel's command line.
	Params []string
	// For is how long the modules run between load and unload, after the tests if there are any; 0 is one second, or no
	// time with tests or a command, and NoWait unloads at once.
	For time.Duration
	// Rounds is how often the modules are loaded, run and unloaded in one machine; 0 is once.
	Rounds int
	// Seed, if not 0, chooses how long each round lasts: between no time and For. The same Seed gives the same rounds.
	Seed uint64
	// World is what the modules find in the guest other than usual.
	World World
	// Script replaces "load, wait, unload".
	Script []Step
	// Lab also does what kmodlab.yaml in Dir says, if that file is there: modules to load, parameters, tests with their
	// files and packages, and what is expected. The file is as foreign as the sources: what it names is below Dir.
	Lab bool
	// Tests are programs that run in the guest, one after the other, after the modules are loaded and before they are
	// unloaded. One that fails is verdict test, unless the kernel had something to complain about.
	Tests []Test
	// Expect says what must be true of the result, in expressions (docs/expectations.md). One that does not hold is
	// verdict expectation, unless there is something worse. One of which the kernel records nothing is unknown, and no
	// fault of the modules.
	Expect []string
	// Command is a program that runs in the guest with the caller's streams; nil for none.
	Command *Command
	// Debug attaches a debugger; nil for none.
	Debug *Debug
	// Core keeps the guest's memory as it is at the run's end: see Conclusion. It costs the disk as much space, and the
	// time to write it.
	Core bool
	// Packages are further Debian packages of the kernel's suite for the guest's system and the build's: strace, python3.
	// A kernel is fetched and kept for each set of them.
	Packages []string
	// Put are files and folders of this machine that the tests and the command find in the guest.
	Put []Copy
	// Artifacts are files and folders of the guest that are brought back into ArtifactsDir before the unload,
	// however the tests have ended: absolute, or below /lab, with the wildcards of path.Match. Each has an entry in the
	// result. Links, devices and FIFOs are left out. With ArtifactsDir, those that kmodlab.yaml names come too.
	Artifacts []string
	// ArtifactsDir is a folder of this machine that is empty, or is made when the first file comes. /lab/a/b becomes a/b
	// there, /var/log/x var/log/x.
	ArtifactsDir string
	// NIC gives the guest two network interfaces, eth0 and eth1, that are joined to each other and to nothing else.
	NIC bool
	// Build is where Dir is built.
	Build Build
	// BuildTimeout bounds the build of Dir; 0 is 10 minutes. A build VM's boot is part of it.
	BuildTimeout time.Duration
	// StepTimeout bounds each command in the guest, before it is stretched for TCG; 0 is 30 s. A command that only waits,
	// for what cannot come any more, ends after 10 s, or after this time if it is longer, whatever the accelerator.
	StepTimeout time.Duration
	// NoLeaks leaves out the search for what stays behind after unload. The search costs some hundredths of a run; a
	// benchmark measures them this way.
	NoLeaks bool
	// Witness has the host look at the guest's memory, before the first module and at the end, and compare it with what
	// the guest says. A difference is verdict lost. It costs some hundredths of a run.
	Witness bool

	Machine
	Tools
	Observe

	patience time.Duration // StepTimeout as the caller set it, 0 if it was left out
}

// Observe says what is kept and told of a run or a trace besides its result.
type Observe struct {
	// Title is what reports call the run; empty: the folder's name, the files', or the command of a trace.
	Title string
	// Record keeps all that the result is made of, however the run ends: see Conclusion. It costs the memory of the
	// records, compressed.
	Record bool
	// Watch is told what goes on meanwhile.
	Watch Watch
	// HookStats makes the kernel measure the run time of each hook of the tracer.
	HookStats bool
	// SteadyHooks takes kprobes and classic tracepoints first, which run with preemption off, as the tracer does by
	// itself on a preemptible kernel (7.x).
	SteadyHooks bool
}

// Step is one command of a script.
type Step struct {
	Argv []string      // modprobe, lsmod, modinfo, depmod, insmod and rmmod are the agent's own
	Wait time.Duration // how long the machine then runs before the next step
	Role Role
}

// Role says what a step's failure means.
type Role int

// The roles of steps.
const (
	RoleShow    Role = Role(session.RoleShow)    // a failure is an unmet expectation
	RoleLoad    Role = Role(session.RoleLoad)    // a failure is verdict load
	RoleUnload  Role = Role(session.RoleUnload)  // a failure is verdict load as well: the module does not go
	RoleRefused Role = Role(session.RoleRefused) // success is an unmet expectation
)

// UsageError is a Spec or a TraceSpec that makes no sense.
type UsageError struct {
	Field string // of Spec or TraceSpec; empty where it is not about one field
	Text  string // what is wrong, and what would be right
}

func (e *UsageError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

func usage(field, format string, args ...any) error {
	return &UsageError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// NoWait is a Spec.For that unloads the modules at once.
const NoWait time.Duration = -1

// Durations that a zero Spec stands for.
const (
	defaultFor  = time.Second
	defaultStep = 30 * time.Second
)

// maxStep is as good as no limit, and can be stretched for TCG: the longest time.Duration cannot.
const maxStep = 365 * 24 * time.Hour

// complete checks a Spec and fills its zero values.
func (s Spec) complete() (Spec, error) {
	switch {
	case s.Dir == "" && len(s.Files) == 0 && s.Command == nil:
		return s, usage("", "nothing to run: name a folder with a Kbuild, or .ko files")
	case s.Dir != "" && len(s.Files) > 0:
		return s, usage("", "name a folder or .ko files, not both")
	}
	if s.NIC && s.Here {
		return s, usage("NIC", "a machine of one's own gets no interfaces: leave out one of NIC and Here")
	}
	noWait := s.For == NoWait
	if noWait {
		s.For = 0
	}
	if err := s.check("load modules into this machine's kernel"); err != nil {
		return s, err
	}
	if err := checkParams(s.Params); err != nil {
		return s, err
	}
	if err := checkScript(s.Script); err != nil {
		return s, err
	}
	if err := s.checkWorld(); err != nil {
		return s, err
	}
	if err := s.checkTests(); err != nil {
		return s, err
	}
	if err := checkExpect(s.Expect, 0); err != nil {
		return s, err
	}
	if err := s.checkCommand(); err != nil {
		return s, err
	}
	if err := s.checkArtifacts(); err != nil {
		return s, err
	}
	if err := s.checkCore(); err != nil {
		return s, err
	}
	if err := s.checkDebug(); err != nil {
		return s, err
	}
	if s.Debug != nil {
		s.Accel = TCG
	}
	switch {
	case noWait:
		s.For = NoWait
	case s.For == 0 && len(s.Tests) == 0 && s.Command == nil:
		s.For = defaultFor
	}
	return s.fill()
}

// check finds what makes no sense in a run or a trace. what is done on this machine with Here.
func (s Spec) check(what string) error {
	switch {
	case s.For < 0:
		return usage("For", "a negative time makes no sense")
	case s.StepTimeout < 0:
		return usage("StepTimeout", "a negative time makes no sense")
	case s.BuildTimeout < 0:
		return usage("BuildTimeout", "a negative time makes no sense")
	}
	if err := s.Machine.check(what); err != nil {
		return err
	}
	if err := s.Build.check(); err != nil {
		return err
	}
	return checkSource(s.Dir, s.Files)
}

// fill replaces those zero values that stand for the same in a run and in a trace.
func (s Spec) fill() (Spec, error) {
	s.StepTimeout, s.BuildTimeout = min(s.StepTimeout, maxStep), min(s.BuildTimeout, maxStep)
	s.patience = s.StepTimeout
	if s.StepTimeout == 0 {
		s.StepTimeout = defaultStep
	}
	var err error
	s.Tools, err = s.Tools.complete()
	return s, err
}

// checkSource finds a mistyped path before anything is fetched for it.
func checkSource(dir string, files []string) error {
	if dir != "" {
		st, err := os.Stat(dir)
		if _, is := hostfault.Of(err); is {
			return nil // the run will say so in its verdict
		}
		if err != nil {
			return usage("", "%s: %v: name a folder with a Kbuild or Makefile, or .ko files", dir, pathCause(err))
		}
		if !st.IsDir() {
			return usage("", "%s is not a folder: name a folder with a Kbuild or Makefile, or .ko files", dir)
		}
	}
	for _, file := range files {
		if !moduleFile.MatchString(file) {
			return usage("", "%s is not a module file: name one folder, or .ko files", file)
		}
		st, err := os.Stat(file)
		if _, is := hostfault.Of(err); is {
			return nil
		}
		if err != nil {
			return usage("", "%s: %v: name one folder, or .ko files", file, pathCause(err))
		}
		if !st.Mode().IsRegular() {
			return usage("", "%s is not a file: name one folder, or .ko files", file)
		}
	}
	return nil
}

var moduleFile = lazyregexp.New(`\.ko(\.gz|\.xz|\.zst)?$`)

// pathCause leaves out the path, which the message names already.
func pathCause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func checkParams(params []string) error {
	for _, p := range params {
		module, rest, ok := strings.Cut(p, ".")
		name, _, _ := strings.Cut(rest, "=")
		if !ok || module == "" || name == "" {
			return usage("Params", "%q is not a parameter: write module.name=value", p)
		}
	}
	return nil
}

// checkScript finds steps that could not be carried out, or mean nothing.
func checkScript(steps []Step) error {
	for i, s := range steps {
		switch {
		case len(s.Argv) == 0 || s.Argv[0] == "":
			return usage("Script", "step %d has no command: give Argv", i)
		case s.Wait < 0:
			return usage("Script", "step %d waits for a negative time", i)
		case s.Role < RoleShow || s.Role > RoleRefused:
			return usage("Script", "step %d has an unknown role (%d): choose RoleShow, RoleLoad, RoleUnload or RoleRefused",
				i, s.Role)
		}
	}
	return nil
}
