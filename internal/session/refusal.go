// SPDX-License-Identifier: MIT

package session

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// note remembers what a command loaded; helpers of the kernel load more, which the
// trace sees.
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
		// The kernel lets a parameter pass that the module does not have; who gave it
		// expected more.
		s.unmet = append(s.unmet, w)
	}
	s.unloaded = s.unloaded || len(report.Removed) > 0
}

// suspicious is what the kernel says of an init that returned neither 0 nor an
// error: 'NAME'->init until 6.12, NAME: init since. It keeps the module.
var suspicious = lazyregexp.New(`'?([\w-]+)(?:'->|: )init suspiciously returned (\d+)`)

func oddInit(warning string) *evidence.Failure {
	m := suspicious.FindStringSubmatch(warning)
	if m == nil {
		return nil
	}
	return &evidence.Failure{
		Kind:    evidence.Load,
		Message: fmt.Sprintf("init of %s returned %s, which is neither 0 nor a negative errno; the kernel warns and keeps the module", m[1], m[2]),
		Hint:    "return 0 for success and a negative errno for failure: -ENODEV, -ENOMEM",
	}
}

// refusal words one: by the typed report of our own commands, else by
// what the command printed.
func refusal(kind evidence.Kind, report kmodcmd.Report, typed string, c result.Command) *evidence.Failure {
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
		return &evidence.Failure{Kind: kind, Message: message, Hint: hint}
	}
	said := strings.TrimSpace(c.Output)
	if said == "" {
		said = fmt.Sprintf("exit status %d", c.Exit)
	}
	return &evidence.Failure{Kind: kind, Message: typed + ": " + said}
}
