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
	Leaks   []Leftover // beyond threads and modules that stayed
	Stuck   []Stuck    // who did not get on when a deadline passed
	Unmet   []string   // expectations that did not come true, one sentence each
}

// Judge gives the one verdict of a run: the earliest cause. The first of these
// that holds decides, the others are its Also:
//
//  1. build, preflight: nothing was booted
//  2. what the kernel said of itself (panic, oops, lockup, hung: the first
//     report that is more than a WARNING), whatever broke because of it
//  3. a task that spins (lockup) or waits for ever (hung) when a deadline passed; one
//     that spins goes before a lockup that the kernel found outside of the modules
//  4. host, then lost, then timeout: the run did not end, so the rest of the
//     evidence is not complete
//  5. load: init refused, or said something that is neither success nor an error
//  6. leak: something stayed behind after unload, or keeps the module loaded
//  7. load again: delete_module refused for another reason
//  8. expectation
//  9. lost again, when no word came that the run is complete
//  10. pass
//
// Lost records never change the class. They are named in the message, because a
// pass, or a thread that seems alive, may rest on them.
func Judge(in Inputs) Verdict {
	all := candidates(in)
	v := all[0]
	for _, other := range all[1:] {
		if other.Class != Pass && other.Class != v.Class && !slices.ContainsFunc(v.Also, func(a Verdict) bool { return a.Class == other.Class }) {
			v.Also = append(v.Also, other)
		}
	}
	if n := in.Dropped.Total; n > 0 {
		v.Message += fmt.Sprintf("; %s lost, so the story has gaps", plural(n, "trace record was", "trace records were"))
		if v.Hint == "" {
			v.Hint = "run again with less load, or a longer period in the module, until no record is lost"
		}
	}
	return v
}

// candidates are all verdicts that apply, in the order of Judge; never empty.
func candidates(in Inputs) []Verdict {
	if in.Build != nil {
		return []Verdict{in.Build.verdict(Build, "the sources do not build", "see the compiler's messages above")}
	}
	if in.Preflight != nil {
		return []Verdict{in.Preflight.verdict(Preflight, "the module does not fit this kernel", "build it for this kernel")}
	}
	all, stuck := judgeCrashes(in.Crashes), judgeStuck(in.Stuck)
	if len(stuck) > 0 && stuck[0].Class == Lockup && victim(in.Crashes) {
		all = append(stuck, all...)
	} else {
		all = append(all, stuck...)
	}
	failures := []struct {
		why           *Failure
		class         Class
		message, hint string
	}{
		{in.Host, Host, "this machine could not run the lab", "kmodlab doctor says what is missing"},
		{in.Lost, Lost, "the guest went silent", "the end of the console above shows its last words"},
		{in.Timeout, Timeout, "the run did not end in time", "the end of the console above shows where it stood"},
		{in.Load, Load, "the kernel refused to load the module", "see the kernel's own lines in the message"},
	}
	panicked := slices.ContainsFunc(in.Crashes, func(c Crash) bool { return c.Class == Panic })
	for _, f := range failures {
		if f.class == Lost && panicked {
			continue // a guest that panicked is gone, as it should
		}
		if f.why != nil {
			all = append(all, f.why.verdict(f.class, f.message, f.hint))
		}
	}
	if v, leaked := judgeLeaks(in); leaked {
		all = append(all, v)
	}
	if in.Unload != nil {
		all = append(all, in.Unload.verdict(Load, "the kernel refused to unload the module", "lsmod shows who holds it"))
	}
	if len(in.Unmet) > 0 {
		all = append(all, Verdict{Class: Expectation, Message: strings.Join(in.Unmet, "; "), Hint: "compare with the story above"})
	}
	switch {
	case len(all) > 0:
		return all
	case !in.Finished:
		return []Verdict{{Class: Lost, Message: "the guest ended without saying that the run is complete",
			Hint: "the end of the console above shows its last words"}}
	}
	return []Verdict{{Class: Pass, Message: cmp.Or(in.Passed, passMessage(in))}}
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
// its consequences; only a WARNING or a kill for want of memory, after which the
// kernel goes on in order, gives way to a later report, unless it is about memory
// used after free.
func CrashClass(crashes []Crash) Class {
	if i := decisive(crashes); i >= 0 {
		return crashes[i].Class
	}
	return Pass
}

// useAfterFree is in a WARNING after which nothing goes on in order: somebody
// works on memory that is another's by now, and what follows comes from that.
const useAfterFree = "use-after-free"

// decisive is the index of the crash that decides, -1 when there is none.
func decisive(crashes []Crash) int {
	for i, c := range crashes {
		if !c.GoesOn() || strings.Contains(c.Title, useAfterFree) {
			return i
		}
	}
	return min(len(crashes), 1) - 1
}

// victim says that the kernel found a processor stuck outside of the modules: that
// mostly waits for another, which cannot answer.
func victim(crashes []Crash) bool {
	i := decisive(crashes)
	return i >= 0 && crashes[i].Class == Lockup && crashes[i].Guilty == nil
}

// GoesOn says that the kernel carries on in order after such a report.
func (c *Crash) GoesOn() bool { return strings.HasPrefix(c.Title, "WARNING") || c.Type == "oom-kill" }

// judgeCrashes gives a verdict for each class of report, the decisive one first.
func judgeCrashes(crashes []Crash) []Verdict {
	if len(crashes) == 0 {
		return nil
	}
	first := decisive(crashes)
	all := []Verdict{judgeCrash(crashes[first])}
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

// evidenceLines is how much of a report or a stack a verdict carries.
const evidenceLines = 12

func judgeCrash(c Crash) Verdict {
	v := Verdict{Class: c.Class, Message: c.Title, Evidence: c.Log[:min(len(c.Log), evidenceLines)]}
	switch {
	case strings.Contains(c.Title, useAfterFree):
		v.Hint = "a pointer was used after its last reference was put: take one (get_task_struct, get_pid) for as long as you keep the pointer"
	case strings.HasPrefix(c.Title, "WARNING"):
		v.Hint = "the kernel noticed misuse and went on; the first line in [your module] of the call trace is where to look"
	case c.Class == Lockup:
		v.Hint = "some code does not give the CPU away; the call trace shows where it stood"
	case c.Class == Hung:
		v.Hint = "the call trace shows what the task waits for; who should wake it?"
	default:
		v.Hint = "the first line in [your module] of the call trace is where to look"
	}
	return v
}

// judgeStuck names who did not get on. A task that spins in a module is the
// cause of whoever waits for it.
func judgeStuck(stuck []Stuck) []Verdict {
	for _, s := range stuck {
		if s.State == Running && s.Site != "" {
			return []Verdict{{Class: Lockup, Message: fmt.Sprintf("%s runs on and on in %s", s.name(), s.where()), Evidence: s.evidence(),
				Hint: "a loop that nothing ends; let it sleep between two looks, and look for an end: kthread_should_stop(), a limit"}}
		}
	}
	i := slices.IndexFunc(stuck, func(s Stuck) bool { return s.Step && s.State != Running })
	if i < 0 {
		return nil
	}
	v := Verdict{Class: Hung, Message: stuck[i].waits(), Evidence: stuck[i].evidence(),
		Hint: "who should wake it? A thread has to look at kthread_should_stop(), a lock wants its unlock, an init must not wait for another's load"}
	for j, s := range stuck {
		if j != i && s.State != Running {
			v.Message += "; " + s.waits()
			v.Evidence = append(v.Evidence, s.evidence()...)
		}
	}
	return []Verdict{v}
}

// Running is the state of a task that waits for nothing.
const Running = "running"

func (s *Stuck) name() string {
	if s.PID == 0 { // a processor, of which no task is known
		return s.Comm
	}
	return fmt.Sprintf("%s[%d]", s.Comm, s.PID)
}

func (s *Stuck) where() string { return withLine(s.Site, s.File, s.Line, " (", ")") }

// withLine adds a place's line to it, where it is known.
func withLine(site, file string, line int, before, after string) string {
	if file == "" || line == 0 {
		return site
	}
	return fmt.Sprintf("%s%s%s:%d%s", site, before, file, line, after)
}

func (s *Stuck) waits() string {
	text := s.name() + " waits (" + s.State + ")"
	if s.State == Running {
		text = s.name() + " runs"
	}
	switch {
	case s.Wait != "" && s.Site != "":
		return text + " in " + s.Wait + ", called by " + s.where()
	case s.Wait != "" || s.Site != "":
		return text + " in " + s.Wait + s.where()
	}
	return text
}

func (s *Stuck) evidence() []string {
	lines := []string{s.name() + " " + s.State}
	return append(lines, s.Stack[:min(len(s.Stack), evidenceLines)]...)
}

// judgeLeaks looks at what is left after unloading: threads first, which run
// into nothing, then what keeps a module loaded, then the rest.
func judgeLeaks(in Inputs) (Verdict, bool) {
	var held []string
	for _, l := range in.Leaks {
		if l.Kind == "reference" {
			held = append(held, l.What)
		}
	}
	threads, modules := leftAlive(in)
	switch {
	case len(threads) > 0:
		return Verdict{Class: Leak, Message: "still alive after unload: " + list(threads), Evidence: evidenceOf(in.Leaks),
			Hint: "stop every thread in the module's exit (kthread_stop) before its code goes away"}, true
	case len(held) > 0:
		return Verdict{Class: Leak, Message: "never put back: " + list(describe(in.Leaks)), Evidence: evidenceOf(in.Leaks),
			Hint: "every get needs its put: try_module_get and module_put, find_get_pid and put_pid, get_task_struct and put_task_struct"}, true
	case len(modules) > 0 && in.Unload == nil:
		return Verdict{Class: Leak, Message: "still loaded after unload: " + list(modules),
			Hint: "lsmod shows who holds a module; every try_module_get needs its module_put"}, true
	case len(in.Leaks) > 0:
		return Verdict{Class: Leak, Message: "left behind after unload: " + list(describe(in.Leaks)), Evidence: evidenceOf(in.Leaks),
			Hint: "undo in exit, in reverse order, what init did: kfree, remove_proc_entry, unregister_chrdev, kobject_put, timer_delete_sync, cancel_work_sync"}, true
	}
	return Verdict{}, false
}

func describe(leaks []Leftover) []string {
	var words []string
	for _, l := range leaks {
		text := l.What
		if l.Site != "" {
			text += " (" + withLine(l.Site, l.File, l.Line, ", ", "") + ")"
		}
		words = append(words, text)
	}
	return words
}

func evidenceOf(leaks []Leftover) []string {
	lines := describe(leaks)
	for i := range lines {
		lines[i] = leaks[i].Kind + ": " + lines[i]
	}
	return lines
}

// leftAlive are the threads that outlive their module, and the modules that
// were to go and did not.
func leftAlive(in Inputs) (threads, modules []string) {
	if !in.Unloaded {
		return nil, nil
	}
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
	return threads, modules
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
