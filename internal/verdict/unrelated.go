// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
)

// splitUnrelated takes out of crashes the reports in which the modules took no part: what the kernel said before the
// first step, and CPUs that were stuck for a while, without code or threads of the modules, or the agent itself, in a
// run that came to its end. A host that starves its guest causes such reports.
func (m *maker) splitUnrelated(crashes []result.Crash) (own, unrelated []result.Crash) {
	for _, c := range m.earlier() {
		c.Title += ", before the first step"
		unrelated = append(unrelated, c)
	}
	for _, c := range crashes {
		if m.unrelated(&c) {
			unrelated = append(unrelated, c)
		} else {
			own = append(own, c)
		}
	}
	return own, unrelated
}

// earlier returns what the kernel reported before the first step.
func (m *maker) earlier() []result.Crash {
	console, log := []byte(m.e.Console), m.e.KernelLog
	crashes := oops.Merge(oops.Parse(console[:min(len(console), m.e.Earlier.Console)]),
		oops.Parse(log[:min(len(log), m.e.Earlier.KernelLog)]))
	return slices.DeleteFunc(crashes, func(c result.Crash) bool { return !oops.HasBody(&c) })
}

// loaders are the programs that load and unload modules: a wait of theirs is about the module.
var loaders = []string{"modprobe", "insmod", "rmmod"}

func (m *maker) unrelated(c *result.Crash) bool {
	if c.Guilty == nil && ofTests(c) && !m.named(c) {
		c.Title += ": the tests had used up the memory that they may have"
		return true
	}
	e := m.e
	if c.Class != result.Lockup && c.Class != result.Hung || c.Guilty != nil || m.named(c) ||
		!e.Finished || e.Failed(evidence.Timeout) != nil || len(e.Stuck)+len(e.Samples) > 0 {
		return false
	}
	if c.Class == result.Hung { // a busy host makes nobody wait for minutes; a module may hold a lock of the kernel's
		return c.Task != nil && c.Task.PID != 0 && c.Task.PID == int(e.Trace.AgentPID)
	}
	return c.Task == nil || !slices.Contains(loaders, c.Task.Comm) && !m.ownThread(c.Task.PID)
}

// ofTests reports whether the programs beside the modules had used up the memory that their control group allows them.
// No other group in the guest has a bound.
func ofTests(c *result.Crash) bool {
	return c.Type == "oom-kill" && slices.ContainsFunc(c.Frames, func(f result.Frame) bool {
		return f.Function == "mem_cgroup_out_of_memory" // 5.10 to 7.3
	})
}

// named reports whether a report has a function of the modules under study, "f [m]", anywhere: among the work items
// that are in flight, the locks that are held, the stacks of other tasks.
func (m *maker) named(c *result.Crash) bool {
	return slices.ContainsFunc(m.e.Studied, func(module string) bool {
		return slices.ContainsFunc(c.Log, func(line string) bool { return strings.Contains(line, " ["+module+"]") })
	})
}

// ownThread reports whether a task is a thread of the modules under study.
func (m *maker) ownThread(pid int) bool {
	return slices.ContainsFunc(m.res.Threads, func(t result.Thread) bool { return t.PID == pid && !t.Background })
}

// judgeEarlier returns a verdict about a kernel that was broken before the first step, if the run failed.
func judgeEarlier(e *evidence.Evidence, res *result.Result) []result.Verdict {
	if e.Failed(evidence.Lost) == nil && e.Failed(evidence.Timeout) == nil {
		return nil
	}
	i := slices.IndexFunc(res.Unrelated, func(c result.Crash) bool { return !c.GoesOn() })
	if i < 0 || len(res.Crashes) > 0 {
		return nil
	}
	c := &res.Unrelated[i]
	return []result.Verdict{{
		Class: result.Host, Message: fmt.Sprintf("%s: the modules took no part in it", c.Title),
		Hint:     "run it again; if this host is busy or its memory is full, wait until it is not",
		Evidence: c.Log[:min(len(c.Log), evidenceLines)],
	}}
}

// judgeCut returns the verdict about a run that was cut short and found nothing, which does not show that nothing is
// wrong.
func judgeCut(res *result.Result) result.Verdict {
	v := result.Verdict{
		Class: result.Host, Message: "the run was cut short: the guest seemed to have crashed, but it had not",
		Hint: "run it again; if this host is busy, wait until it is not",
	}
	for i := range res.Unrelated {
		if c := &res.Unrelated[i]; !c.GoesOn() {
			v.Message = fmt.Sprintf("the run was cut short: %s, and the modules took no part in it", c.Title)
			v.Evidence = c.Log[:min(len(c.Log), evidenceLines)]
		}
	}
	return v
}

// judgeTaint returns a verdict about a report that the kernel is known to have made, by its taint mask, and that nobody
// saw: a flood of other lines may have swallowed it.
func judgeTaint(e *evidence.Evidence, res *result.Result) []result.Verdict {
	bits := added(e.Taint) & oops.Reported
	for i := range res.Unrelated {
		bits &^= oops.TaintBit(&res.Unrelated[i])
	}
	if bits == 0 || len(res.Crashes) > 0 {
		return nil
	}
	return []result.Verdict{{
		Class:   result.Oops,
		Message: fmt.Sprintf("the run tainted the kernel (%s), but the report of it was not seen", taintedBy(bits)),
		Hint:    "kmodlab run -v shows the kernel's log; print less, so that the report stays in it",
	}}
}

// taintedBy names what bits of the taint mask are for. The words are those for a later report.
func taintedBy(bits uint64) string {
	words := oops.TaintWords(bits)
	for i := range words {
		words[i] = strings.TrimPrefix(words[i], "earlier ")
	}
	return strings.Join(words, ", ")
}

// added are the bits of the taint mask that the run set.
func added(t evidence.Taint) uint64 { return t.After &^ t.Before }
