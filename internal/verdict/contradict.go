// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// The agent says what it loaded and unloaded, and the kernel's hooks recorded what happened. A module that answers in
// the agent's place has two witnesses to deceive.

// contradictions compares what the guest says of modules, and of its taint mask, with the trace: a sentence each. It
// says nothing of modules where records may be missing.
func contradictions(
	e *evidence.Evidence, threads []result.Thread, traced []result.Module, taints []timeline.Taint,
	blind map[event.Kind]string,
) []string {
	if !e.Finished {
		return nil
	}
	list := append(untainted(e, taints), lives(e, traced, blind)...)
	list = append(list, undead(e, threads, traced)...)
	return append(list, vanished(e, threads, traced, blind)...)
}

// exitTime is how long a thread may be listed after it began to exit, in nanoseconds.
const exitTime = 200_000_000

// undead are threads that have ended, according to the trace, but that the guest still lists. The list was made
// after the last module was freed.
func undead(e *evidence.Evidence, threads []result.Thread, traced []result.Module) []string {
	freed := lastFreed(traced)
	if !e.Left.Compared {
		return nil
	}
	listed := leaks.AddedThreads(&e.Left.Before, &e.Left.After)
	var list []string
	for _, t := range threads {
		name, at := fmt.Sprintf("%s[%d]", t.Name, t.PID), t.Stages.Exited
		if at == nil || *at+exitTime >= freed || !slices.Contains(listed, name) {
			continue
		}
		again := func(other result.Thread) bool { // it has the number of this one
			end := other.Stages.Exited
			return other.PID == t.PID && (end == nil || *end > *at)
		}
		if !slices.ContainsFunc(threads, again) {
			list = append(list, fmt.Sprintf("the trace shows that thread %s has ended, but the guest still lists it", name))
		}
	}
	return list
}

// lastFreed is when the last of the modules was freed, in nanoseconds.
func lastFreed(traced []result.Module) (at int64) {
	for _, m := range traced {
		if m.FreedNS != nil {
			at = max(at, *m.FreedNS)
		}
	}
	return at
}

// vanished are threads that are alive, according to the trace, and that the guest does not list: the hook at the end of
// tasks has stopped firing. The guest's list has no workers.
func vanished(
	e *evidence.Evidence, threads []result.Thread, traced []result.Module, blind map[event.Kind]string,
) []string {
	if !e.Left.Compared || len(e.Trace.Hooks) == 0 || e.Trace.Broken != "" || lostAny(e.Trace.Lost) ||
		blind[event.TaskExited] != "" {
		return nil
	}
	// A thread that was born before the first list is in that.
	freed, listed := lastFreed(traced), slices.Concat(e.Left.Before.Threads, e.Left.After.Threads)
	var list []string
	for _, t := range threads {
		ran, suffix := t.Stages.FirstRun, fmt.Sprintf("[%d]", t.PID)
		if t.PID == 0 || t.Stages.Exited != nil || ran == nil || *ran >= freed || strings.HasPrefix(t.Name, "kworker/") {
			continue
		}
		if !slices.ContainsFunc(listed, func(name string) bool { return strings.HasSuffix(name, suffix) }) {
			list = append(list, fmt.Sprintf("the guest does not list thread %s%s, but the trace has no record of its end",
				t.Name, suffix))
		}
	}
	return list
}

// untainted are the bits that the kernel has set in the taint mask, but that the mask does not have.
func untainted(e *evidence.Evidence, taints []timeline.Taint) []string {
	var list []string
	var told uint64
	for _, t := range taints {
		bit := uint64(1) << min(t.Bit, 63)
		if !e.Taint.AtEnd || (e.Taint.After|told)&bit != 0 {
			continue
		}
		told |= bit
		by := fmt.Sprintf("%s[%d]", t.By.Comm, t.By.PID)
		if t.By.Site.Module != "" {
			by += " in " + t.By.Site.String()
		}
		list = append(list, fmt.Sprintf("the trace shows that %s tainted the kernel (%s), but the taint mask does not say so",
			by, taintedBy(bit)))
	}
	return list
}

// lives compares what the guest says of its modules with the records of their lives.
func lives(e *evidence.Evidence, traced []result.Module, blind map[event.Kind]string) []string {
	if len(e.Trace.Hooks) == 0 || e.Trace.Broken != "" || lostAny(e.Trace.Lost) {
		return nil
	}
	sees := func(kinds ...event.Kind) bool {
		return !slices.ContainsFunc(kinds, func(k event.Kind) bool { return blind[k] != "" })
	}
	var list []string
	for _, said := range e.Modules {
		of := slices.DeleteFunc(slices.Clone(traced), func(m result.Module) bool { return m.Name != said.Name })
		if said.Loaded && sees(event.ModuleLoaded, event.ModuleInitEnd) {
			list = append(list, neverLoaded(said.Name, of)...)
		}
		if said.Unloaded && len(of) > 0 && sees(event.ModuleFreed) && of[len(of)-1].FreedNS == nil {
			list = append(list, fmt.Sprintf("the guest no longer lists module %s, but the trace has no record of its unload",
				said.Name))
		}
	}
	return list
}

// neverLoaded is about a module of which the guest says that it was loaded.
func neverLoaded(name string, lives []result.Module) []string {
	if len(lives) == 0 {
		return []string{fmt.Sprintf("the guest says that module %s was loaded, but the trace has no record of its load", name)}
	}
	for _, m := range lives {
		if m.Loaded || m.InitRet >= 0 {
			return nil
		}
	}
	return []string{fmt.Sprintf("the guest says that module %s was loaded, but the trace shows that its init returned -%s",
		name, errno.Name(int(-lives[0].InitRet)))}
}

func lostAny(lost map[string]uint64) bool {
	for _, n := range lost {
		if n > 0 {
			return true
		}
	}
	return false
}

// judgeContradictions is about a guest that is not what it claims to be. Nothing else that it says can be trusted then.
func judgeContradictions(res *result.Result) []result.Verdict {
	var all []result.Verdict
	say := func(text string, list []string) {
		all = append(all, result.Verdict{
			Class: result.Lost, Message: text + strings.Join(list, "; "),
			Hint: "a module has tampered with its kernel, so nothing the guest says can be trusted: read the module's sources",
		})
	}
	if w := res.Witness; w != nil && len(w.Differences) > 0 {
		say("seen from outside, the guest is not what it claims to be: ", w.Differences)
	}
	if len(res.Contradictions) > 0 {
		say("", res.Contradictions)
	}
	return all
}
