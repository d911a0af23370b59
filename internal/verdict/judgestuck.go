// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/result"
)

// judgeStuck names the tasks that made no progress. A task that spins in a module is
// the cause, also of the tasks that wait for it.
func judgeStuck(stuck []result.Stuck) []result.Verdict {
	for _, s := range stuck {
		if s.State == result.Running && s.Site != "" {
			return []result.Verdict{{
				Class: result.Lockup, Message: fmt.Sprintf("%s spins in %s", stuckName(&s), stuckPlace(&s)),
				Hint:     "the loop never ends: sleep in it, and check kthread_should_stop() or a limit",
				Evidence: stackOf(&s),
			}}
		}
	}
	i := slices.IndexFunc(stuck, func(s result.Stuck) bool { return s.Step && s.State != result.Running })
	if i < 0 {
		return nil
	}
	v := result.Verdict{
		Class: result.Hung, Message: waits(&stuck[i]), Evidence: stackOf(&stuck[i]),
		Hint: "find out who should wake it: a thread must check kthread_should_stop(), every lock needs its unlock, " +
			"and init must not wait for another module to load",
	}
	for j, s := range stuck {
		if j != i && s.State != result.Running {
			v.Message += "; " + waits(&s)
			v.Evidence = append(v.Evidence, stackOf(&s)...)
		}
	}
	return []result.Verdict{v}
}

func stuckName(s *result.Stuck) string {
	if s.PID == 0 { // a CPU whose task is not known
		return s.Comm
	}
	return fmt.Sprintf("%s[%d]", s.Comm, s.PID)
}

func stuckPlace(s *result.Stuck) string { return withLine(s.Site, s.File, s.Line, " (", ")") }

// withLine adds the source line to a place, if it is known.
func withLine(site, file string, line int, before, after string) string {
	if file == "" || line == 0 {
		return site
	}
	return fmt.Sprintf("%s%s%s:%d%s", site, before, file, line, after)
}

func waits(s *result.Stuck) string {
	text := stuckName(s) + " waits (" + s.State + ")"
	if s.State == result.Running {
		text = stuckName(s) + " runs"
	}
	switch {
	case s.Wait != "" && s.Site != "":
		return text + " in " + s.Wait + ", called by " + stuckPlace(s)
	case s.Wait != "" || s.Site != "":
		return text + " in " + s.Wait + stuckPlace(s)
	}
	return text
}

func stackOf(s *result.Stuck) []string {
	lines := []string{stuckName(s) + " " + s.State}
	return append(lines, s.Stack[:min(len(s.Stack), evidenceLines)]...)
}
