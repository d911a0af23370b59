// SPDX-License-Identifier: MIT

package kmodlab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// reporting are the commands that write a kmodcmd.Report.
var reporting = []string{"modprobe", "insmod", "rmmod"}

// maxOutput is what is kept of one command's output.
const maxOutput = 256 << 10

// loadScript names each module by itself, although modprobe would find the
// dependencies, so that a refusal names its module. Modules of the kernel's own
// tree come as dependencies.
func (r *run) loadScript() []Step {
	var steps []Step
	for _, m := range r.plan.Fresh() {
		argv := append([]string{"modprobe", m.Name}, paramsOf(m.Name, r.spec.Params)...)
		steps = append(steps, Step{Argv: argv, Role: Load})
	}
	for _, name := range r.spec.Load {
		if !r.isFresh(name) { // a name or alias of the kernel's own
			steps = append(steps, Step{Argv: append([]string{"modprobe", name}, paramsOf(name, r.spec.Params)...), Role: Load})
		}
	}
	if len(steps) > 0 {
		steps[len(steps)-1].Wait = r.spec.For
	}
	return steps
}

func (r *run) isFresh(name string) bool {
	name = kmod.CanonicalName(name)
	return slices.ContainsFunc(r.fresh, func(m kmod.PlannedModule) bool { return m.Name == name })
}

// unloadAll unloads, users first, whatever of the fresh modules is there by now:
// one may have had another loaded with request_module. What they depend on goes
// with them.
func (r *run) unloadAll(ctx context.Context) bool {
	for _, m := range slices.Backward(r.fresh) {
		loaded, err := r.loaded(ctx)
		if err != nil {
			return r.callFailure(err, "list modules")
		}
		if !loaded[m.Name] {
			continue
		}
		if !r.do(ctx, Step{Argv: []string{"modprobe", "-r", m.Name}, Role: Unload}) {
			return false
		}
		if r.crashed() {
			return true
		}
	}
	return true
}

// loaded are the names in the guest's /proc/modules.
func (r *run) loaded(ctx context.Context) (map[string]bool, error) {
	list, err := r.listModules(ctx)
	names := make(map[string]bool)
	for _, m := range list {
		names[m.Name] = true
	}
	return names, err
}

// listModules asks the guest for /proc/modules.
func (r *run) listModules(ctx context.Context) ([]wire.Module, error) {
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	var result wire.ModulesResult
	err := r.lab.Call(ctx, wire.OpModules, nil, &result)
	return result.Modules, err
}

// paramsOf gives the parameters of one module, as modprobe takes them.
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

// script runs the steps: those of the Spec, or load, wait, unload. It goes on
// after a refused load, to unload what did load, and stops when the guest does
// not answer any more.
func (r *run) script(ctx context.Context) bool {
	steps := r.spec.Script
	if steps == nil {
		steps = r.loadScript()
	}
	for _, s := range steps {
		if r.in.Load != nil && (s.Role == Load || s.Role == Refused) {
			continue
		}
		if !r.do(ctx, s) {
			return false
		}
		if r.crashed() {
			return true // to what evidence can still be had
		}
	}
	return r.spec.Script != nil || r.unloadAll(ctx)
}

var phaseOf = map[Role]string{Show: "show", Load: "load", Unload: "unload", Refused: "show"}

// do runs one step as a phase, and its wait.
func (r *run) do(ctx context.Context, s Step) bool {
	done := r.phase(phaseOf[s.Role])
	if !r.step(ctx, s) {
		return false
	}
	done("", false)
	return r.wait(ctx, s.Wait)
}

// wait lets the modules run, with an eye on the guest.
func (r *run) wait(ctx context.Context, d time.Duration) bool {
	if d == 0 || r.in.Load != nil {
		return true
	}
	done := r.phase("run")
	defer r.aside(ctx, d)()
	timer := time.NewTimer(d)
	defer timer.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-timer.C:
			done("", false)
			return true
		case <-look.C:
			if r.crashed() {
				done("", false)
				return true
			}
		case <-ctx.Done():
			return false
		case <-r.lab.Done():
			return r.callFailure(r.lab.Err(), "while the modules ran")
		}
	}
}

// answerGrace is how long the guest may take to tell of a command that it ended:
// it looks at the processors, at every task twice, perhaps again for some seconds, and
// kills first, which takes its time by the clock and some work, which TCG stretches.
func answerGrace(scale time.Duration) time.Duration { return 9*time.Second + time.Second*scale }

// step runs one command in the guest.
func (r *run) step(ctx context.Context, s Step) bool {
	if r.spec.Watch.Start != nil {
		r.spec.Watch.Start(s.Argv)
	}
	timeout := r.spec.StepTimeout * r.lab.scale
	args := wire.ExecArgs{Argv: s.Argv, TimeoutMS: timeout.Milliseconds(), Report: slices.Contains(reporting, s.Argv[0])}
	// The guest ends the command; this deadline is for a guest that does not.
	ctx, cancel := context.WithTimeout(ctx, timeout+answerGrace(r.lab.scale))
	defer cancel()
	ctx, stop := r.untilCrash(ctx)
	defer stop()
	var out []byte
	var ended wire.ExecResult
	_, err := r.lab.Stream(ctx, wire.OpExec, args, nil, &ended, func(b []byte) {
		out = append(out, b[:min(len(b), maxOutput-len(out))]...)
		if r.spec.Watch.Output != nil {
			r.spec.Watch.Output.Write(b)
		}
	})
	stop()
	if err != nil {
		ended.Exit = -1 // it has not ended, or nobody can tell
	}
	command := result.Command{Argv: s.Argv, Output: string(out), Exit: ended.Exit, MS: ended.MS}
	r.res.Commands = append(r.res.Commands, command)
	if errors.Is(context.Cause(ctx), errCrashed) {
		r.askWhoLocks()
		return true // it will not end; the kernel has said why
	}
	if err != nil {
		return r.callFailure(err, strings.Join(s.Argv, " "))
	}
	if r.spec.Watch.Command != nil {
		r.spec.Watch.Command(command)
	}
	return r.judgeStep(s, ended, command)
}

// judgeStep turns a command's end into what the verdict rests on.
func (r *run) judgeStep(s Step, ended wire.ExecResult, c result.Command) bool {
	var report kmodcmd.Report
	if len(ended.Report) > 0 {
		if err := json.Unmarshal(ended.Report, &report); err != nil {
			return r.callFailure(fmt.Errorf("%w: report of %s: %w", wire.ErrGarbled, s.Argv[0], err), s.Argv[0])
		}
	}
	r.note(report)
	typed := strings.Join(s.Argv, " ")
	if ended.TimedOut {
		r.noteStuck(ended)
	}
	switch {
	case ended.Stuck:
		r.in.Timeout = &result.Failure{
			Message: typed + " hangs in the kernel: not even SIGKILL ends it",
			Hint:    "an init or exit function that waits for something that never comes; kmodlab run -v shows the kernel's log",
		}
		return false
	case ended.TimedOut:
		r.in.Timeout = &result.Failure{Message: fmt.Sprintf("%s did not end in %s", typed, r.spec.StepTimeout*r.lab.scale)}
		return false
	case s.Role == Refused && ended.Exit == 0:
		r.in.Unmet = append(r.in.Unmet, typed+" was expected to be refused and succeeded")
	case s.Role == Refused || ended.Exit == 0:
	case s.Role == Load:
		r.in.Load = failureOf(report, typed, c)
	case s.Role == Unload:
		if r.in.Unload == nil && r.in.Load == nil {
			r.in.Unload = failureOf(report, typed, c)
		}
	default:
		r.in.Unmet = append(r.in.Unmet, fmt.Sprintf("%s failed with exit status %d", typed, ended.Exit))
	}
	return true
}

// note remembers what a command loaded; helpers of the kernel load more, which
// the trace sees.
func (r *run) note(report kmodcmd.Report) {
	for _, l := range report.Loaded {
		for i := range r.res.Modules {
			if m := &r.res.Modules[i]; m.Name == l.Name {
				m.Loaded = true
			}
		}
	}
	for _, w := range report.Warnings {
		if odd := oddInit(w); odd != nil {
			r.in.Load = cmp.Or(r.in.Load, odd)
			continue
		}
		// The kernel lets a parameter pass that the module does not have; who gave
		// it expected more.
		r.in.Unmet = append(r.in.Unmet, w)
	}
	r.in.Unloaded = r.in.Unloaded || len(report.Removed) > 0
}

// suspicious is what the kernel says of an init that returned neither 0 nor an
// error: 'NAME'->init until 6.12, NAME: init since. It keeps the module.
var suspicious = lazyregexp.New(`'?([\w-]+)(?:'->|: )init suspiciously returned (\d+)`)

func oddInit(warning string) *result.Failure {
	m := suspicious.FindStringSubmatch(warning)
	if m == nil {
		return nil
	}
	return &result.Failure{
		Message: fmt.Sprintf("init of %s returned %s, which is neither 0 nor a negative errno; the kernel warns and keeps the module", m[1], m[2]),
		Hint:    "return 0 for success and a negative errno for failure: -ENODEV, -ENOMEM",
	}
}

// failureOf words a refusal: by the typed report of our own commands, else by
// what the command printed.
func failureOf(report kmodcmd.Report, typed string, c result.Command) *result.Failure {
	if e := report.Error; e != nil {
		message := typed + ": " + e.Cause
		// Each module that is not the distribution's taints the kernel.
		said := slices.DeleteFunc(e.Kmsg, func(line string) bool {
			return strings.HasSuffix(line, "taints kernel.") || strings.HasSuffix(line, "tainting kernel")
		})
		if len(said) > 0 {
			message += fmt.Sprintf(" (the kernel says: %s)", strings.Join(said, "; "))
		}
		hint := e.Hint
		if hint == "" && len(said) == 0 {
			hint = "a pr_err before each error return would say which one it was"
		}
		return &result.Failure{Message: message, Hint: hint}
	}
	said := strings.TrimSpace(c.Output)
	if said == "" {
		said = fmt.Sprintf("exit status %d", c.Exit)
	}
	return &result.Failure{Message: typed + ": " + said}
}
