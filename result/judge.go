// SPDX-License-Identifier: MIT

package result

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Failure is why a step of the run did not succeed. Message is one sentence,
// Hint what the person can do next; both may be empty, then Judge finds words.
type Failure struct {
	Message string
	Hint    string
}

// Inputs is everything that a verdict rests on. A nil Failure means that the
// step succeeded or was not reached.
type Inputs struct {
	Build     *Failure // the sources do not build
	Preflight *Failure // the module cannot fit this kernel
	Host      *Failure // this machine failed: no QEMU, QEMU killed, no space
	Lost      *Failure // the guest went silent or spoke garbage
	Timeout   *Failure // a deadline passed
	Load      *Failure // finit_module refused
	Unload    *Failure // delete_module refused

	// Finished says that the guest itself reported the end of the run. Without
	// it nothing passes: QEMU's exit status proves nothing.
	Finished bool
	// Unloaded says that the run tried to unload its modules, so that what is
	// left of them has leaked.
	Unloaded bool

	// Passed is the message of a pass; empty: what became of the modules.
	Passed string

	Crashes []Crash
	Modules []Module
	Threads []Thread
	Dropped Dropped
	Unmet   []string // expectations that did not come true, one sentence each
}

// Judge gives the one verdict of a run. The first of these that holds decides:
//
//  1. build, preflight: nothing was booted
//  2. what the kernel said of itself (panic, oops, lockup, hung: the first
//     report that is more than a WARNING), whatever broke because of it
//  3. host, then lost, then timeout: the run did not end, so the rest of the
//     evidence is not complete
//  4. load: finit_module or delete_module refused
//  5. leak: a module or one of its threads stayed behind
//  6. expectation
//  7. lost again, when no word came that the run is complete
//  8. pass
//
// Lost records never change the class. They are named in the message, because a
// pass, or a thread that seems alive, may rest on them.
func Judge(in Inputs) Verdict {
	v := judge(in)
	if n := in.Dropped.Total; n > 0 {
		v.Message += fmt.Sprintf("; %s lost, so the story has gaps", plural(n, "trace record was", "trace records were"))
		if v.Hint == "" {
			v.Hint = "run again with less load, or a longer period in the module, until no record is lost"
		}
	}
	return v
}

func judge(in Inputs) Verdict {
	switch {
	case in.Build != nil:
		return in.Build.verdict(Build, "the sources do not build", "see the compiler's messages above")
	case in.Preflight != nil:
		return in.Preflight.verdict(Preflight, "the module does not fit this kernel", "build it for this kernel")
	case len(in.Crashes) > 0:
		return judgeCrashes(in.Crashes)
	case in.Host != nil:
		return in.Host.verdict(Host, "this machine could not run the lab", "kmodlab doctor says what is missing")
	case in.Lost != nil:
		return in.Lost.verdict(Lost, "the guest went silent", "the end of the console above shows its last words")
	case in.Timeout != nil:
		return in.Timeout.verdict(Timeout, "the run did not end in time", "the end of the console above shows where it stood")
	case in.Load != nil:
		return in.Load.verdict(Load, "the kernel refused to load the module", "see the kernel's own lines in the message")
	case in.Unload != nil:
		return in.Unload.verdict(Load, "the kernel refused to unload the module", "lsmod shows who holds it")
	}
	if v, leaked := judgeLeaks(in); leaked {
		return v
	}
	if len(in.Unmet) > 0 {
		return Verdict{Class: Expectation, Message: strings.Join(in.Unmet, "; "),
			Hint: "compare with the story above"}
	}
	if !in.Finished {
		return Verdict{Class: Lost, Message: "the guest ended without saying that the run is complete",
			Hint: "the end of the console above shows its last words"}
	}
	return Verdict{Class: Pass, Message: cmp.Or(in.Passed, passMessage(in))}
}

func (f *Failure) verdict(class Class, message, hint string) Verdict {
	v := Verdict{Class: class, Message: f.Message, Hint: f.Hint}
	if v.Message == "" {
		v.Message = message
	}
	if v.Hint == "" {
		v.Hint = hint
	}
	return v
}

// CrashClass is the class of a list of crashes in the order of the log, Pass
// when there is none. The first report decides, for the later ones are mostly
// its consequences; only a WARNING, after which the kernel goes on in order,
// gives way to a later report.
func CrashClass(crashes []Crash) Class {
	if i := decisive(crashes); i >= 0 {
		return crashes[i].Class
	}
	return Pass
}

// decisive is the index of the crash that decides, -1 when there is none.
func decisive(crashes []Crash) int {
	for i, c := range crashes {
		if !strings.HasPrefix(c.Title, "WARNING") {
			return i
		}
	}
	return min(len(crashes), 1) - 1
}

func judgeCrashes(crashes []Crash) Verdict {
	first := crashes[decisive(crashes)]
	v := Verdict{Class: first.Class, Message: first.Title}
	if n := len(crashes) - 1; n > 0 {
		v.Message += fmt.Sprintf(" (and %s)", plural(uint64(n), "more report", "more reports"))
	}
	switch {
	case strings.HasPrefix(first.Title, "WARNING"):
		v.Hint = "the kernel noticed misuse and went on; the first line in [your module] of the call trace is where to look"
	case first.Class == Lockup:
		v.Hint = "some code does not give the CPU away; the call trace shows where it stood"
	case first.Class == Hung:
		v.Hint = "the call trace shows what the task waits for; who should wake it?"
	default:
		v.Hint = "the first line in [your module] of the call trace is where to look"
	}
	return v
}

// judgeLeaks looks at what is left after unloading: modules first, for their
// threads stay with them.
func judgeLeaks(in Inputs) (Verdict, bool) {
	if !in.Unloaded {
		return Verdict{}, false
	}
	var modules, threads []string
	gone := map[string]bool{} // or should be
	for _, m := range in.Modules {
		if m.Background {
			continue
		}
		gone[m.Name] = true
		if m.Loaded && !m.Unloaded {
			modules = append(modules, m.Name)
		}
	}
	for _, t := range in.Threads {
		if t.Alive && gone[moduleOf(t.Function)] {
			threads = append(threads, fmt.Sprintf("%s[%d] (%s)", t.Name, t.PID, t.Function))
		}
	}
	switch {
	case len(threads) > 0:
		return Verdict{Class: Leak, Message: "still alive after unload: " + list(threads),
			Hint: "stop every thread in the module's exit (kthread_stop) before its code goes away"}, true
	case len(modules) > 0:
		return Verdict{Class: Leak, Message: "still loaded after unload: " + list(modules),
			Hint: "lsmod shows who holds a module; every try_module_get needs its module_put"}, true
	}
	return Verdict{}, false
}

// moduleOf takes the module out of "inc_func [signal_handling]".
func moduleOf(function string) string {
	_, module, ok := strings.Cut(function, " [")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(module, "]")
}

func passMessage(in Inputs) string {
	var modules, threads, unknown uint64
	for _, m := range in.Modules {
		if !m.Background && m.Loaded {
			modules++
		}
	}
	for _, t := range in.Threads {
		if !t.Background && t.PID != 0 {
			threads++
			if slices.Contains(t.Unknown, "alive") {
				unknown++
			}
		}
	}
	did := "loaded"
	if in.Unloaded {
		did = "loaded and unloaded"
	}
	message := plural(modules, "module", "modules") + " " + did
	switch {
	case unknown > 0:
		message += fmt.Sprintf(", %s born, whether %d ended is not known", plural(threads, "kernel thread", "kernel threads"), unknown)
	case threads > 0 && in.Unloaded:
		message += fmt.Sprintf(", %s born and ended", plural(threads, "kernel thread", "kernel threads"))
	case threads > 0:
		message += fmt.Sprintf(", %s born", plural(threads, "kernel thread", "kernel threads"))
	}
	return message + ", no complaint from the kernel"
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// list joins names; a module that leaks hundreds of threads gets a short one.
func list(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
