// SPDX-License-Identifier: MIT

package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
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
		if odd := oddInit(w, s.modules); odd != nil {
			s.fail(odd)
			continue
		}
		// The kernel ignores a parameter that the module does not have; the person who gave
		// it expected an effect.
		s.unmet = append(s.unmet, w)
	}
	s.unloaded = s.unloaded || slices.ContainsFunc(report.Removed, s.studies) || len(s.Studied()) == 0 && len(report.Removed) > 0
}

// suspicious is the kernel's message about an init that returned neither 0 nor an error:
// 'NAME'->init until 6.12, NAME: init since. It keeps the module.
var suspicious = lazyregexp.New(`'?([\w-]+)(?:'->|: )init suspiciously returned (\d+)`)

// oddInit turns such a warning into a failure, nil if it is another one, and notes the value for its module: what the
// loader itself returns is 0.
func oddInit(warning string, modules []result.Module) *evidence.Failure {
	m := suspicious.FindStringSubmatch(warning)
	if m == nil {
		return nil
	}
	for i := range modules {
		if modules[i].Name == m[1] {
			modules[i].InitRet, _ = strconv.ParseInt(m[2], 10, 64) // 0, as before, if it does not fit
		}
	}
	return &evidence.Failure{
		Kind: evidence.Load,
		Message: fmt.Sprintf("init of %s returned %s, which is neither 0 nor a negative errno; "+
			"the kernel warns and keeps the module", m[1], m[2]),
		Hint: "return 0 for success and a negative errno for failure: -ENODEV, -ENOMEM",
	}
}

// refusal describes a command that failed, by the report of our own commands or else by
// what the command printed.
func refusal(kind evidence.Kind, report kmodcmd.Report, typed string, c result.Command) *evidence.Failure {
	if e := report.Error; e != nil {
		message := typed + ": " + e.Cause
		// Every out-of-tree module taints the kernel: that explains nothing.
		said := slices.DeleteFunc(e.Kmsg, func(line string) bool {
			return strings.HasSuffix(line, "taints kernel.") || strings.HasSuffix(line, "tainting kernel")
		})
		if len(said) > 0 {
			message += fmt.Sprintf(" (the kernel says: %s)", strings.Join(said, "; "))
		}
		hint := e.Hint
		if hint == "" && len(said) == 0 {
			hint = "put a pr_err before each error return, to see which one it was"
		}
		return &evidence.Failure{Kind: kind, Message: message, Hint: hint}
	}
	said := strings.TrimSpace(c.Output)
	if said == "" {
		said = fmt.Sprintf("exit status %d", c.Exit)
	}
	return &evidence.Failure{Kind: kind, Message: typed + ": " + said}
}
