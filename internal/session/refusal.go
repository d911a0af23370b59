// SPDX-License-Identifier: MIT

package session

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// note records what a command loaded. What the kernel's helpers load, the trace records.
func (s *session) note(report kmodcmd.Report) {
	for _, l := range report.Loaded {
		for i := range s.modules {
			if m := &s.modules[i]; m.Name == l.Name {
				m.Loaded = true
			}
		}
	}
	for _, w := range report.Warnings {
		if odd := oddInit(w); odd != nil {
			s.fail(odd)
			continue
		}
		// The kernel ignores a parameter that the module does not have; the person who gave
		// it expected an effect.
		s.unmet = append(s.unmet, w)
	}
	own := slices.ContainsFunc(report.Removed, s.studies)
	s.unloaded = s.unloaded || own || len(s.Studied()) == 0 && len(report.Removed) > 0
}

// oddInit turns a warning about an init that returned neither 0 nor an error into a failure, nil if it is another one.
func oddInit(warning string) *evidence.Failure {
	module, ret, ok := oops.OddInit(warning)
	if !ok {
		return nil
	}
	return &evidence.Failure{
		Kind: evidence.Load,
		Message: fmt.Sprintf("init of %s returned %d, which is neither 0 nor a negative errno; "+
			"the kernel warns and keeps the module", module, ret),
		Hint: "return 0 for success and a negative errno for failure: -ENODEV, -ENOMEM",
	}
}

// refusal describes a command that failed, by the report of our own commands or else by
// what the command printed.
func (s *session) refusal(
	kind evidence.Kind, report kmodcmd.Report, typed string, c result.Command, ended wire.ExecResult,
) *evidence.Failure {
	if ended.Signal != "" {
		return &evidence.Failure{
			Kind: kind, Message: typed + " was killed by " + ended.Signal, Signal: ended.Signal, PID: ended.PID,
			Hint: "find out who sent the signal: the story shows signals and where they were sent",
		}
	}
	e := report.Error
	if e == nil {
		said := strings.TrimSpace(c.Output)
		if said == "" {
			said = fmt.Sprintf("exit status %d", c.Exit)
		}
		return &evidence.Failure{Kind: kind, Message: typed + ": " + said}
	}
	message, said := typed+": "+e.Cause, s.said(e)
	if len(said) > 0 {
		message += fmt.Sprintf(" (the kernel says: %s)", strings.Join(said, "; "))
	}
	hint := cmp.Or(e.Hint, hints.OfLog(said))
	if hint == "" && len(said) == 0 {
		hint = hints.OfInit(e.Errno)
	}
	f := &evidence.Failure{Kind: kind, Message: message, Hint: hint}
	if e.Kind == kmod.ErrInit.Error() {
		f.Module, f.Errno = e.Module, e.Errno
	}
	return f
}

// said returns the lines of the kernel's log that belong to a refusal.
func (s *session) said(e *kmodcmd.Error) []string {
	if e.Kind == kmod.ErrCrashed.Error() {
		return hints.Reported(e.Kmsg)
	}
	var formats []hints.Format
	if s.Read != nil {
		formats = hints.Formats(s.Read.Get(e.Module).Data)
	}
	return hints.Said(e.Kmsg, e.Module, formats)
}
