// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// Step is one command of a script.
type Step struct {
	Argv []string
	Wait time.Duration // how long the machine runs afterwards
	Role Role
}

// Role says what a step's failure means.
type Role int

// The roles of steps.
const (
	RoleShow    Role = iota // a failure is an unmet expectation
	RoleLoad                // a failure is verdict load
	RoleUnload              // a failure is verdict load as well: the module cannot be unloaded
	RoleRefused             // success is an unmet expectation
	RoleTidy                // a failure means nothing: it unloads what only served the modules
)

// Script says what to do with the modules.
type Script struct {
	Options
	Steps   []Step        // nil: load, run the tests, wait, unload
	Command *Command      // runs after the tests; nil for none
	Debug   *Debug        // a debugger that is attached before the first step; nil for none
	For     time.Duration // how long the modules run after the tests and before the unload
	Bring   Artifacts     // are brought back just before the unload
	Rounds  Rounds        // of load, tests, wait and unload
	Helper  *string       // the kernel's modprobe path from the first step on; nil: as it is
}

// RunScript carries out a script. The lab is closed afterwards.
func RunScript(ctx context.Context, l *lab.Lab, script Script, j *notify.Journal) *evidence.Evidence {
	s := newSession(l, script.Options, j)
	run := func(ctx context.Context) error { return s.script(ctx, script) }
	err := s.steps(ctx, l.Attach, l.Arm, l.LookFirst, run, s.noteKeepers, s.search, s.witness, s.detach)
	if err == nil {
		s.TakeCore(ctx)
		l.PowerOff(ctx)
	}
	s.debugged(ctx)
	return s.evidence(ctx, err)
}

// script runs the steps. After a refused load it continues, to unload what was loaded.
// It ends early if the machine no longer answers.
func (s *session) script(ctx context.Context, script Script) error {
	if err := s.loadFailing(ctx); err != nil {
		return err
	}
	if err := s.baseline(ctx); err != nil {
		return err
	}
	if err := s.makeWorld(ctx, script.Helper); err != nil {
		return err
	}
	if err := s.debug(ctx, script.Debug); err != nil {
		return err
	}
	err := s.work(ctx, script)
	s.undebug(ctx)
	return s.askFailing(ctx, err)
}

// work carries out the script's own steps.
func (s *session) work(ctx context.Context, script Script) error {
	if script.Steps != nil {
		return s.do(ctx, script.Steps)
	}
	return s.rounds(ctx, script)
}

// round is what is done between two unloads.
func (s *session) round(script Script) []step {
	return []step{
		func(ctx context.Context) error { return s.do(ctx, s.loadSteps()) },
		func(ctx context.Context) error { return s.tests(ctx, s.Prepared.Tests) },
		func(ctx context.Context) error { return s.run(ctx, script.Command) },
		func(ctx context.Context) error { return s.let(ctx, script.For) },
	}
}

// lastRound also brings back what is to be kept.
func (s *session) lastRound(ctx context.Context, script Script) error {
	if err := s.bring(ctx, script.Bring, s.steps(ctx, s.round(script)...)); err != nil {
		return err
	}
	if s.Log.HasCrashed() {
		return nil // the evidence of a crashed kernel is gathered next
	}
	if err := s.tidy(ctx); err != nil {
		return err
	}
	return s.unloadAll(ctx)
}

// do runs steps, until the kernel crashes.
func (s *session) do(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		if s.failed(evidence.Load) != nil && (step.Role == RoleLoad || step.Role == RoleRefused) {
			continue
		}
		if err := s.one(ctx, step); err != nil {
			return err
		}
		if s.Log.HasCrashed() {
			return nil
		}
	}
	return nil
}

// baseline notes which modules are loaded, and what the kernel has said and is tainted by, before the first step.
func (s *session) baseline(ctx context.Context) error {
	loaded, err := s.listModules(ctx)
	if err != nil {
		return s.Failed("list modules", err)
	}
	s.present = make(map[string]bool, len(loaded))
	for _, m := range loaded {
		s.present[m.Name] = true
	}
	s.taint.Before, s.earlier = s.taint.After, s.Said()
	s.Log.Forget()
	return nil
}

// loadSteps loads each module by its own name, although modprobe would find the
// dependencies, so that a refusal names its module. Modules of the kernel's own tree
// are loaded as dependencies.
func (s *session) loadSteps() []Step {
	var steps []Step
	for _, m := range s.Plan.Fresh() {
		argv := append([]string{"modprobe", m.Name}, paramsOf(m.Name, s.Params)...)
		steps = append(steps, Step{Argv: argv, Role: RoleLoad})
	}
	for _, name := range s.Load {
		if !slices.Contains(s.Studied(), kmod.CanonicalName(name)) { // a name or alias of the kernel's own
			steps = append(steps, Step{Argv: append([]string{"modprobe", name}, paramsOf(name, s.Params)...), Role: RoleLoad})
		}
	}
	return steps
}

// paramsOf returns the parameters of one module, as modprobe takes them.
func paramsOf(module string, params []string) []string {
	var own []string
	for _, p := range params {
		name, rest, _ := strings.Cut(p, ".")
		if strings.ReplaceAll(name, "-", "_") == module {
			own = append(own, rest)
		}
	}
	return own
}

// listModules asks the guest for /proc/modules.
func (s *session) listModules(ctx context.Context) ([]evidence.Loaded, error) {
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	var answer wire.ModulesResult
	if err := s.Call(ctx, wire.OpModules, nil, &answer); err != nil {
		return nil, err
	}
	s.taint.After = answer.Taint
	list := make([]evidence.Loaded, 0, len(answer.Modules))
	for _, m := range answer.Modules {
		list = append(list, evidence.Loaded(m))
	}
	return list, nil
}

var phaseOf = map[Role]string{
	RoleShow: "show", RoleLoad: "load", RoleUnload: "unload", RoleRefused: "show", RoleTidy: "unload",
}

// one runs one step, and its wait, as a phase each.
func (s *session) one(ctx context.Context, step Step) error {
	done := s.journal.Phase(phaseOf[step.Role])
	if err := s.command(ctx, step); err != nil {
		return err
	}
	done("", false)
	return s.let(ctx, step.Wait)
}

// let lets the modules run for some time, unless one was refused.
func (s *session) let(ctx context.Context, d time.Duration) error {
	if d == 0 || s.failed(evidence.Load) != nil {
		return nil
	}
	done := s.journal.Phase("run")
	if err := s.wait(ctx, d, "while the modules ran"); err != nil {
		return err
	}
	done("", false)
	return nil
}

// reportTime is how long a crashed kernel has to print the rest of its report.
const reportTime = time.Second

// wait lets the machine run, until it crashes.
func (s *session) wait(ctx context.Context, d time.Duration, when string) error {
	defer s.options.Turns.Aside(ctx, d)()
	over := s.later(ctx, d)
	crashed := s.Log.Crashed()
	for {
		select {
		case <-over:
			return nil
		case <-crashed:
			crashed = nil
			over = s.later(ctx, min(d, reportTime))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.Done():
			return s.Failed(when, s.Err())
		}
	}
}

// reporting are the commands that write a kmodcmd.Report.
var reporting = []string{"modprobe", "insmod", "rmmod"}

// maxOutput bounds what is kept of one command's output, in bytes.
const maxOutput = 256 << 10

// answerGrace is how long the guest may take to report a command that it ended: before,
// it samples the CPUs, looks at every task twice, perhaps again for some seconds, and
// kills. Part of that is waiting, and part is work, which TCG stretches.
func answerGrace(scale time.Duration) time.Duration { return 9*time.Second + time.Second*scale }

// command runs one command in the guest.
func (s *session) command(ctx context.Context, step Step) error {
	s.journal.Start(step.Argv)
	timeout := s.options.StepTimeout * s.Scale
	args := wire.ExecArgs{
		Argv: step.Argv, TimeoutMS: s.guestLimit(timeout).Milliseconds(), Report: slices.Contains(reporting, step.Argv[0]),
	}
	// The guest ends the command in time; this deadline is for a guest that does not.
	ctx, cancel := s.Within(ctx, timeout+answerGrace(s.Scale))
	defer cancel()
	ctx, stop := s.untilCrash(ctx)
	defer stop()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	observed, leave := s.observe(ctx, step, giveUp)
	defer leave()
	var out []byte
	var ended wire.ExecResult
	_, err := s.Follow(ctx, wire.OpExec, args, nil, &ended, func(m *wire.Message) {
		if observed.started(m) {
			return
		}
		out = append(out, m.Blob[:min(len(m.Blob), maxOutput-len(out))]...)
		if w := s.journal.Output(); w != nil {
			w.Write(m.Blob)
		}
	})
	leave()
	stop()
	if err != nil {
		ended.Exit = -1 // it has not ended, or that is unknown
		ended.MS = float64(time.Since(observed.began).Microseconds()) / 1000
	}
	c := result.Command{Argv: step.Argv, Output: string(out), Exit: ended.Exit, MS: ended.MS}
	s.journal.Keep(c)
	typed := strings.Join(step.Argv, " ")
	if errors.Is(context.Cause(ctx), errCrashed) {
		return s.noteCrashed(observed) // the command will not end; the kernel's report says why
	}
	if err != nil && errors.Is(context.Cause(ctx), errStuck) { // else it has ended all the same
		return s.noteJudged(context.WithoutCancel(ctx), observed)
	}
	if err != nil {
		return s.Failed(typed, err)
	}
	s.taint.After = ended.Taint
	s.journal.Ended(c)
	return s.judge(step, ended, c, observed)
}

// judge turns the end of a command into evidence.
func (s *session) judge(step Step, ended wire.ExecResult, c result.Command, observed *slow) error {
	var report kmodcmd.Report
	if len(ended.Report) > 0 {
		if err := json.Unmarshal(ended.Report, &report); err != nil {
			return s.Failed(step.Argv[0], fmt.Errorf("%w: report of %s: %w", wire.ErrGarbled, step.Argv[0], err))
		}
	}
	s.note(report)
	typed := strings.Join(step.Argv, " ")
	if ended.TimedOut {
		s.taint.AtEnd = true // nothing follows
		if stalled := s.Stalled(); stalled != nil {
			return s.Failed(typed, stalled)
		}
		s.noteStuck(ended, observed)
	}
	switch {
	case ended.Stuck:
		return &evidence.Failure{
			Kind:    evidence.Timeout,
			Message: typed + " hangs in the kernel: not even SIGKILL ends it",
			Hint: "an init or exit function waits for something that never happens; " +
				"kmodlab run -v shows the kernel's log",
		}
	case ended.TimedOut:
		return &evidence.Failure{
			Kind: evidence.Timeout, Message: fmt.Sprintf("%s did not finish within %s", typed, s.options.StepTimeout*s.Scale),
		}
	case step.Role == RoleRefused && ended.Exit == 0:
		s.unmet = append(s.unmet, typed+" was expected to fail, but succeeded")
	case step.Role == RoleRefused || step.Role == RoleTidy || ended.Exit == 0:
	case step.Role == RoleLoad:
		s.fail(s.refusal(evidence.Load, report, typed, c, ended))
	case step.Role == RoleUnload:
		if s.failed(evidence.Load) == nil {
			s.fail(s.refusal(evidence.Unload, report, typed, c, ended))
		}
	default:
		s.unmet = append(s.unmet, fmt.Sprintf("%s failed with exit status %d", typed, ended.Exit))
	}
	return nil
}
