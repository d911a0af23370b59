// SPDX-License-Identifier: MIT

package session

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
)

// The helper module in the guest: outside the module tree, where depmod and modprobe would see it.
const (
	helperFile  = "/lib/kmodlab/" + failable.Helper + ".ko"
	helperFacts = "/sys/module/" + failable.Helper + "/parameters/"
)

// askLimit bounds the questions about a call that was to fail, before it is stretched for TCG. A guest that does not
// answer is no news here.
const askLimit = 2 * time.Second

// loadFailing loads the module that makes a call fail, before the first step, so that it is none of what the run
// brings in.
func (s *session) loadFailing(ctx context.Context) error {
	f := s.Prepared.Failing
	if f == nil {
		return nil
	}
	done := s.journal.Phase("helper")
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	data, err := kmod.ReadFile(f.Path)
	if err != nil {
		return evidence.HostFailure(fmt.Errorf("read the module that makes calls fail: %w", err), "")
	}
	if err := boot.WriteFile(ctx, s.Client, helperFile, 0o644, data); err != nil {
		return s.Failed("install the module that makes calls fail", err)
	}
	jumps := jumpsOf(s.Read.Get(f.Module).Data, f.Symbols)
	argv := append([]string{"insmod", helperFile}, helperParams(f, jumps)...)
	refused, err := s.helper(ctx, argv)
	if err != nil {
		return s.Failed("load the module that makes calls fail", err)
	}
	if refused != "" {
		return &evidence.Failure{
			Kind:    evidence.Host,
			Message: fmt.Sprintf("the calls of %s cannot be watched on this kernel: %s", strings.Join(f.Symbols, ", "), refused),
			Hint:    "choose another call, or another kernel; docs/failing-calls.md says what does not work",
		}
	}
	failing := evidence.Failing{
		Call: f.Call, Module: f.Module, Symbols: f.Symbols, Nth: f.Nth, Jumps: placesOf(jumps),
		Unread: "the machine was not asked any more",
	}
	if f.Target != nil {
		failing.Target = f.Target.Name
	}
	s.failing = []evidence.Failing{failing}
	done("", false)
	return nil
}

// jumpsOf are the calls in a module of certain functions that are jumps.
func jumpsOf(ko []byte, symbols []string) []leaks.CallSite {
	calls, err := leaks.Calls(ko, func(name string) bool { return slices.Contains(symbols, name) })
	if err != nil {
		return nil // what cannot be read is not loaded either
	}
	return tailsOf(calls)
}

// tailsOf are those of calls that are jumps, one for each function of the module that has any: which of several it was,
// cannot be seen. Where ftrace cannot trace, a kprobe could crash the kernel.
func tailsOf(calls []leaks.CallSite) []leaks.CallSite {
	var jumps []leaks.CallSite
	for _, c := range calls {
		same := func(j leaks.CallSite) bool { return j.Symbol == c.Symbol }
		if c.Jump && c.Traced && !c.Notrace && len(jumps) < failable.MaxTails && !slices.ContainsFunc(jumps, same) {
			jumps = append(jumps, c)
		}
	}
	return jumps
}

func placesOf(jumps []leaks.CallSite) []string {
	var places []string
	for _, j := range jumps {
		places = append(places, fmt.Sprintf("%s+0x%x", j.Symbol, j.Offset))
	}
	return places
}

// helperParams are the parameters of the helper module.
func helperParams(f *prepare.Failing, jumps []leaks.CallSite) []string {
	params := []string{"module=" + f.Module, "nth=" + strconv.Itoa(f.Nth)}
	if f.Target != nil {
		params = append(params, "use="+strings.Join(f.Symbols, ","), "exits="+f.Target.Name)
	}
	if c := f.Choice; c != nil {
		params = append(params, "function="+strings.Join(f.Symbols, ","), "value="+strconv.FormatInt(c.Value(), 10))
		for _, flag := range []struct {
			name string
			set  bool
		}{
			{"clear", c.Clears}, {"rest", c.Fails == failable.Rest}, {"signal", c.Signal || c.Wait}, {"wait", c.Wait},
		} {
			if flag.set {
				params = append(params, flag.name+"=1")
			}
		}
	}
	var tails []string
	for _, j := range jumps {
		tails = append(tails, j.Symbol)
	}
	if len(tails) > 0 {
		params = append(params, "tails="+strings.Join(tails, ","))
	}
	return params
}

// helper runs insmod or rmmod in the guest. refused says why that failed.
func (s *session) helper(ctx context.Context, argv []string) (refused string, err error) {
	args := wire.ExecArgs{Argv: argv, TimeoutMS: (s.options.StepTimeout * s.Scale).Milliseconds(), Report: true}
	var ended wire.ExecResult
	var out []byte
	_, err = s.Stream(ctx, wire.OpExec, args, nil, &ended, func(chunk []byte) {
		out = append(out, chunk[:min(len(chunk), maxOutput-len(out))]...)
	})
	if err != nil || ended.Exit == 0 {
		return "", err
	}
	var report kmodcmd.Report
	if json.Unmarshal(ended.Report, &report) == nil && report.Error != nil {
		said := strings.Join(s.said(report.Error), "; ")
		return cmp.Or(said, report.Error.Cause, report.Error.Message), nil
	}
	return cmp.Or(strings.TrimSpace(string(out)), fmt.Sprintf("%s ended with status %d", argv[0], ended.Exit)), nil
}

// askFailing asks what became of the call, and unloads the helper module. ended is how the work ended, and what this
// returns: after that, a guest that does not answer has its cause there.
func (s *session) askFailing(ctx context.Context, ended error) error {
	if len(s.failing) == 0 || ctx.Err() != nil || unresponsive(ctx, ended) {
		return ended
	}
	crashed := ended != nil || s.Log.HasCrashed()
	if err := s.readFailing(ctx, &s.failing[0]); err != nil {
		if !crashed {
			return s.Failed("ask what became of the call that was to fail", err)
		}
		s.failing[0].Unread = "the machine did not answer after the crash"
		return ended
	}
	if crashed {
		return ended
	}
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	refused, err := s.helper(ctx, []string{"rmmod", failable.Helper})
	if err != nil {
		return s.Failed("unload the module that makes calls fail", err)
	}
	if refused != "" {
		s.journal.Log("the module that makes calls fail stays loaded: " + refused)
	}
	return nil
}

// readFailing reads what the helper module knows.
func (s *session) readFailing(ctx context.Context, f *evidence.Failing) error {
	ctx, cancel := s.Within(ctx, askLimit*s.Scale)
	defer cancel()
	facts := make(map[string]string)
	wanted := failable.Facts
	if f.Target != "" {
		wanted = slices.Concat(wanted, failable.ExitFacts)
	}
	for _, name := range wanted {
		data, err := boot.ReadFile(ctx, s.Client, helperFacts+name, 64)
		if err != nil {
			return err
		}
		facts[name] = strings.TrimSuffix(string(data), "\n")
	}
	number := func(name string) uint64 {
		n, _ := strconv.ParseUint(facts[name], 10, 64)
		return n
	}
	f.Unread = ""
	f.Calls, f.Loads, f.At, f.TimeNS = number("calls"), number("loads"), number("failed_at"), number("failed_ns")
	f.Symbol = int(min(number("failed_function"), uint64(len(f.Symbols)-1)))
	if i := number("failed_tail"); i >= 1 && i <= uint64(len(f.Jumps)) {
		f.Jump = f.Jumps[i-1]
	}
	f.Value, _ = strconv.ParseInt(facts["failed_value"], 10, 64)
	f.PID, f.Comm = int(number("failed_pid")&(1<<31-1)), facts["failed_comm"]
	f.Load, f.InInit = number("failed_load"), facts["failed_in_init"] == "Y"
	f.End, f.TargetPID = evidence.End(number("exit_end")&3), int(number("exit_pid")&(1<<31-1))
	f.Unheld = facts["exit_unheld"] == "Y"
	return nil
}
