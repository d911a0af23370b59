// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
)

// Judge returns the verdict of a run, which names the earliest cause. The first of
// these that applies is the verdict, the others become its Also:
//
//  1. build, preflight, or test where a program cannot run in the guest: nothing was booted
//  2. what the kernel itself reported (panic, oops, lockup, hung: the first report
//     that is more than a WARNING), whatever broke because of it
//  3. a task that was spinning (lockup) or blocked (hung) when a step was given up; it comes
//     before what the kernel's own watchdogs say of the same, and a task that spins also
//     before a lockup that the kernel found outside the modules
//  4. lost: the guest is not what it claims to be, according to its memory or its trace
//  5. host, then lost, then timeout: the run did not end, so the rest of the
//     evidence is incomplete
//  6. load: init failed, unless it did because a call was made to fail, or returned neither 0 nor an error; misuse that
//     only the trace shows (oops)
//  7. leak: something stayed behind after unload, or keeps the module loaded
//  8. load again: delete_module refused for another reason; test if programs or mounts that tests left are the reason
//  9. leak again: seen from outside, something of the kernel's is still hooked
//  10. test: a program beside the modules failed
//  11. expectation: a step; for those that a person has, see Expect
//  12. lost again, when the guest's memory no longer makes sense from outside, or the guest
//     never reported that the run was complete
//  13. host, when the rest of the run was left out because of a report in which the modules took no part
//  14. pass
//
// Lost records never change the class. The message counts them, because a pass, or
// a thread that seems alive, may depend on them.
func Judge(e *evidence.Evidence, res *result.Result) result.Verdict {
	all := candidates(e, res)
	v := all[0]
	for _, other := range all[1:] {
		listed := slices.ContainsFunc(v.Also, func(a result.Verdict) bool { return a.Class == other.Class })
		if other.Class != result.Pass && other.Class != v.Class && !listed {
			v.Also = append(v.Also, other)
		}
	}
	addFailures(&v, e, res)
	addLost(&v, res)
	return v
}

// candidates returns all verdicts that apply, in the order of Judge; there is at least one.
func candidates(e *evidence.Evidence, res *result.Result) []result.Verdict {
	for _, kind := range []evidence.Kind{evidence.Build, evidence.Preflight, evidence.Program} {
		if f := e.Failed(kind); f != nil {
			return []result.Verdict{failed(f)}
		}
	}
	all, stuck := addMisuse(addNoWayBack(judgeCrashes(res.Crashes), res), res), judgeStuck(res.Stuck)
	if len(stuck) > 0 &&
		(stuck[0].Class == result.Lockup && victim(res.Crashes) || watchdog(res.Crashes, stuck[0].Class)) {
		all = append(stuck, all...)
	} else {
		all = append(all, stuck...)
	}
	all = append(all, judgeEarlier(e, res)...)
	all = append(all, judgeTaint(e, res)...)
	all = append(all, judgeContradictions(res)...)
	panicked := slices.ContainsFunc(res.Crashes, func(c result.Crash) bool { return c.Class == result.Panic })
	died := slices.ContainsFunc(res.Crashes, func(c result.Crash) bool { return c.Class != result.Oops || oops.Stops(&c) })
	for _, kind := range []evidence.Kind{evidence.Host, evidence.Lost, evidence.Timeout, evidence.Load} {
		f := e.Failed(kind)
		// A guest that panics ends, and a step with a stuck task does not, nor one whose task has died with its locks held:
		// that is expected. A load that was refused because a call was made to fail was asked for.
		expected := kind == evidence.Load && e.Refused() != nil || kind == evidence.Lost && panicked ||
			kind == evidence.Timeout && (died || len(stuck) > 0)
		if f == nil || expected {
			continue
		}
		all = append(all, asleep(failed(f), res.Stuck))
	}
	all = append(all, judgeMisuse(res.Misuse)...)
	all = append(all, judgeUnheld(res.Exits)...)
	if v, leaked := judgeLeaks(e, res); leaked {
		all = append(all, v)
	}
	all = append(all, judgeUnload(e, res)...)
	all = append(all, judgeHooked(res.Witness, e.Studied)...)
	all = append(all, judgeTests(e, res)...)
	if len(e.Unmet) > 0 {
		all = append(all, result.Verdict{
			Class: result.Expectation, Message: strings.Join(e.Unmet, "; "), Hint: compareStory,
		})
	}
	all = append(all, judgeUnseen(res.Witness)...)
	switch {
	case len(all) > 0:
		return all
	case !e.Finished:
		return []result.Verdict{{
			Class: result.Lost, Message: "the guest never reported that the run was complete", Hint: lastLines,
		}}
	case e.Cut && len(res.Crashes) == 0:
		return []result.Verdict{judgeCut(res)}
	}
	if f := e.Refused(); f != nil {
		return []result.Verdict{{Class: result.Pass, Message: refusedMessage(e, f, res)}}
	}
	return []result.Verdict{{Class: result.Pass, Message: cmp.Or(e.Passed, passMessage(e, res)), Hint: e.PassHint}}
}

// judgeUnload returns the verdict of a module that did not go.
func judgeUnload(e *evidence.Evidence, res *result.Result) []result.Verdict {
	f := e.Failed(evidence.Unload)
	if f == nil {
		return nil
	}
	if v, is := judgeKept(e, res); is {
		return []result.Verdict{v}
	}
	v := failed(f)
	if by := keptBy(e, res); by != "" {
		v.Message += by
		v.Hint = "the kernel itself holds it, as it does for a mount, a socket or a device that is open: " +
			"find out what asked for that, and undo it before the unload"
		if slices.ContainsFunc(e.Tests, func(t evidence.Test) bool { return t.PID != 0 }) {
			v.Hint = "the kernel itself holds it, as it does for a mount, a socket or a device that is set up: " +
				"a test may have left that, so see that each undoes what it did"
		}
	}
	return []result.Verdict{v}
}

const lastLines = "see the last lines of the console above"

// defaults are the class of each kind of failure, and the message and hint of a
// failure that has none of its own.
var defaults = map[evidence.Kind]result.Verdict{
	evidence.Build: {
		Class: result.Build, Message: "the sources do not build", Hint: "see the compiler's messages above",
	},
	evidence.Preflight: {
		Class: result.Preflight, Message: "the module does not fit this kernel", Hint: "build it for this kernel",
	},
	evidence.Program: {
		Class: result.TestFailed, Message: "a program cannot run in the guest", Hint: "nothing was booted",
	},
	evidence.Host: {
		Class: result.Host, Message: "this machine could not run the lab", Hint: "kmodlab doctor says what is missing",
	},
	evidence.Lost: {Class: result.Lost, Message: "the guest went silent", Hint: lastLines},
	evidence.Timeout: {
		Class: result.Timeout, Message: "the run did not finish in time",
		Hint: "the last lines of the console above show how far it got",
	},
	evidence.Load: {
		Class: result.Load, Message: "the kernel refused to load the module",
		Hint: "see the kernel's own log lines in the message",
	},
	evidence.Unload: {
		Class: result.Load, Message: "the kernel refused to unload the module", Hint: "lsmod shows what uses it",
	},
}

func failed(f *evidence.Failure) result.Verdict {
	v := defaults[f.Kind]
	v.Message, v.Hint = cmp.Or(f.Message, v.Message), cmp.Or(f.Hint, v.Hint)
	return v
}

// victim reports whether the kernel found a CPU stuck outside the modules: such a CPU
// mostly waits for another one, which cannot answer.
func victim(crashes []result.Crash) bool {
	i := oops.Decisive(crashes)
	return i >= 0 && crashes[i].Class == result.Lockup && crashes[i].Guilty == nil
}

// watchdog reports whether the kernel's own watchdogs say the same as we do of the tasks that make no progress: of a
// task that waits, or of a CPU. Our sentence has the task, its place and who it waits for.
func watchdog(crashes []result.Crash, class result.Class) bool {
	i := oops.Decisive(crashes)
	return i >= 0 && crashes[i].Class == class && (class == result.Hung || class == result.Lockup)
}

// judgeCrashes returns a verdict for each class of report, the decisive one first.
func judgeCrashes(crashes []result.Crash) []result.Verdict {
	if len(crashes) == 0 {
		return nil
	}
	first := oops.Decisive(crashes)
	all := []result.Verdict{judgeCrash(crashes[first])}
	if n := len(crashes) - 1; n > 0 {
		all[0].Message += fmt.Sprintf(" (and %s)", plural(uint64(n), "more report", "more reports"))
	}
	for i, c := range crashes {
		if i != first && c.Class != crashes[first].Class {
			all = append(all, judgeCrash(c))
		}
	}
	return all
}

// evidenceLines bounds the lines of a report or a stack that a verdict carries.
const evidenceLines = 12

const startAt = "start at the first line of the call trace that is in [your module]"

func judgeCrash(c result.Crash) result.Verdict {
	v := result.Verdict{Class: c.Class, Message: c.Title, Evidence: c.Log[:min(len(c.Log), evidenceLines)]}
	if v.Hint = hints.OfCrash(&c); v.Hint != "" {
		return v
	}
	switch {
	case strings.HasPrefix(c.Title, "WARNING"):
		v.Hint = "the kernel noticed misuse and carried on; " + startAt
	case c.Class == result.Lockup:
		v.Hint = "some code does not yield the CPU; the call trace shows where it was"
	case c.Class == result.Hung:
		v.Hint = "the call trace shows what the task waits for; find out who should wake it"
	default:
		v.Hint = startAt
	}
	return v
}

func passMessage(e *evidence.Evidence, res *result.Result) string {
	var threads, unknown, alive uint64
	modules, gone := loadedModules(res.Modules)
	for _, t := range res.Threads {
		if !t.Background && t.PID != 0 {
			threads++
			if slices.Contains(t.Unknown, "alive") {
				unknown++
			} else if t.Alive {
				alive++
			}
		}
	}
	did := "loaded"
	if e.Unloaded || gone {
		did = "loaded and unloaded"
	}
	count := plural(modules, "module", "modules")
	if modules == 0 {
		count, did = "no module", "loaded"
	}
	message, born := count+" "+did, plural(threads, "kernel thread", "kernel threads")
	switch {
	case unknown > 0:
		message += fmt.Sprintf(", %s born, %d of which may not have ended", born, unknown)
	case alive > 0 && e.Unloaded:
		message += fmt.Sprintf(", %s born, %d of which the kernel keeps", born, alive)
	case threads > 0 && e.Unloaded:
		message += fmt.Sprintf(", %s born and ended", born)
	case threads > 0:
		message += fmt.Sprintf(", %s born", born)
	}
	message += testsMessage(e, res.Tests)
	if n := len(res.Unrelated); n > 0 {
		return message + fmt.Sprintf(", no complaint about %s from the kernel", pronoun(modules))
	}
	return message + ", no complaint from the kernel"
}

// loadedModules is how many modules of the run's own were loaded, each counted once however often a test has done it.
// gone reports that all were unloaded again.
func loadedModules(modules []result.Module) (n uint64, gone bool) {
	last := make(map[string]bool) // whether it was unloaded the last time
	for i := range modules {
		if m := &modules[i]; !m.Background && m.Loaded {
			last[m.Name] = m.Unloaded
		}
	}
	return uint64(len(last)), len(last) > 0 && !slices.Contains(slices.Collect(maps.Values(last)), false)
}

func pronoun(n uint64) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// list joins names, and cuts the list short: a module may leak hundreds of threads.
func list(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
