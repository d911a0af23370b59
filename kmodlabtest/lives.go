// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Loaded wants that each of these modules was loaded, and that its init succeeded.
func Loaded(modules ...string) Requirement {
	return That(func(r *result.Result) error {
		for _, name := range modules {
			m := findModule(r, name)
			switch {
			case m == nil:
				return mismatch(nil, "module %s was not loaded; %s", name, among("loaded", moduleNames(r)))
			case m.InitRet < 0:
				return mismatch(m.LoadedNS, "module %s did not stay loaded: its init returned %s", name, value(m.InitRet))
			case !m.Loaded:
				return mismatch(m.LoadedNS, "module %s did not stay loaded", name)
			}
		}
		return nil
	})
}

// Unloaded wants that each of these modules was loaded and unloaded again.
func Unloaded(modules ...string) Requirement {
	return That(func(r *result.Result) error {
		for _, name := range modules {
			m := findModule(r, name)
			switch {
			case m == nil:
				return mismatch(nil, "module %s was not loaded; %s", name, among("loaded", moduleNames(r)))
			case !m.Unloaded:
				return mismatch(nil, "module %s was not unloaded", name)
			}
		}
		return nil
	})
}

// findModule finds a module by its name, in which - and _ are the same.
func findModule(r *result.Result, name string) *result.Module {
	name = strings.ReplaceAll(name, "-", "_")
	for i := range r.Modules {
		if r.Modules[i].Name == name {
			return &r.Modules[i]
		}
	}
	return nil
}

func moduleNames(r *result.Result) []string {
	var names []string
	for i := range r.Modules {
		names = append(names, r.Modules[i].Name)
	}
	return names
}

// Thread wants that a module had a kernel thread of this name, which may end with a star for any rest. If endings are
// given, each such thread must have ended in one of these ways.
func Thread(name string, endings ...timeline.Ending) Requirement {
	return That(func(r *result.Result) error {
		found := false
		var names []string
		for i := range r.Threads {
			t := &r.Threads[i]
			if t.Background {
				continue
			}
			names = append(names, t.Name)
			if !matches(name, t.Name) {
				continue
			}
			found = true
			if len(endings) > 0 && !slices.Contains(endings, timeline.Ending(t.Ending)) {
				at := cmp.Or(t.Stages.Exited, t.Stages.StopAsked, t.Stages.Function, t.Stages.Requested)
				return mismatch(at, "kernel thread %s[%d]: %s (%s); want %s", t.Name, t.PID, t.Ended, t.Ending, either(endings))
			}
		}
		if !found {
			return mismatch(nil, "no kernel thread %s; %s%s", name, among("kernel threads", names), doubts(r, "thread_"))
		}
		return nil
	})
}

// Requested wants that request_module was called for this name and returned 0.
func Requested(module string) Requirement {
	return That(func(r *result.Result) error {
		var names []string
		var failed error
		for i := range r.Requests {
			q := &r.Requests[i]
			if q.Background {
				continue
			}
			names = append(names, q.Name)
			switch {
			case !matches(module, q.Name):
			case q.Returned != nil && *q.Returned == 0:
				return nil
			case q.Returned == nil:
				failed = mismatch(q.Stages.Asked, "request_module(%q) did not return", q.Name)
			default:
				failed = mismatch(q.Stages.Asked, "request_module(%q) returned %s: %s", q.Name, value(*q.Returned), q.Meaning)
			}
		}
		if failed != nil {
			return failed
		}
		return mismatch(nil, "no request_module(%q); %s%s", module, among("requests", names), doubts(r, "request_"))
	})
}

// Signal wants that a signal (SIGUSR1) was sent to a task of this name, which may end with a star, and had this
// outcome.
func Signal(signal, to string, outcome result.Outcome) Requirement {
	return That(func(r *result.Result) error {
		var failed error
		var names []string
		for i := range r.Signals {
			s := &r.Signals[i]
			if s.Background {
				continue
			}
			names = append(names, s.Name+" to "+s.To.Comm)
			switch {
			case s.Name != signal || !matches(to, s.To.Comm):
			case s.Outcome == outcome:
				return nil
			default:
				failed = mismatch(&s.SentNS, "%s to %s[%d] was %s: %s; want %s", s.Name, s.To.Comm, s.To.PID, s.Outcome, s.Reason,
					outcome)
			}
		}
		if failed != nil {
			return failed
		}
		return mismatch(nil, "no %s to %s; %s%s", signal, to, among("signals", names), doubts(r, "signal_"))
	})
}

// Printed wants that a module printed a line with this text in it.
func Printed(text string) Requirement {
	return That(func(r *result.Result) error {
		for _, m := range r.Messages {
			if strings.Contains(m.Text, text) {
				return nil
			}
		}
		lost := ""
		if r.LogLost > 0 {
			lost = fmt.Sprintf("; lost of the kernel's log: %d", r.LogLost)
		}
		return mismatch(nil, "no module printed %q (lines of modules: %d%s)", text, len(r.Messages), lost)
	})
}

// Called wants that a test's program made this system call (read, ioctl) on a file of a module (/dev/echo), and that
// it succeeded at least once.
func Called(call, file string) Requirement {
	return That(func(r *result.Result) error {
		var failed error
		var names []string
		for i := range r.Calls {
			c := &r.Calls[i]
			names = append(names, c.Name+" "+c.File)
			switch {
			case c.Name != call || c.File != file:
			case c.Ret == nil:
				failed = mismatch(&c.AtNS, "%s on %s by %s[%d] did not return", call, file, c.By.Comm, c.By.PID)
			case *c.Ret < 0:
				failed = mismatch(&c.AtNS, "%s on %s by %s[%d] returned %s", call, file, c.By.Comm, c.By.PID, value(*c.Ret))
			default:
				return nil
			}
		}
		if failed != nil {
			return failed
		}
		return mismatch(nil, "no %s on %s; %s%s", call, file, among("calls", names), doubts(r, "call_", "file_"))
	})
}

// TestPassed wants that a program that ran beside the modules passed. Its name is without the folder, and without .c
// if it was a C source. With further names it is about a subtest of the program, a subtest of that, and so on.
func TestPassed(name string, subtest ...string) Requirement {
	return That(func(r *result.Result) error {
		found := false
		var names []string
		for i := range r.Tests {
			t := &r.Tests[i]
			names = append(names, t.Name)
			if t.Name != name && t.Name != strings.TrimSuffix(path.Base(name), ".c") {
				continue
			}
			found = true
			if err := testPassed(t, subtest); err != nil {
				return err
			}
		}
		if !found {
			return mismatch(nil, "no test %s; %s", name, among("tests", names))
		}
		return nil
	})
}

func testPassed(t *result.Test, names []string) error {
	what, outcome, reason := "test "+t.Name, t.Outcome, t.Reason
	list := t.Subtests
	for _, name := range names {
		i := slices.IndexFunc(list, func(s result.Subtest) bool { return s.Name == name })
		if i < 0 {
			return mismatch(t.EndNS, "%s has no subtest %s; %s", what, name, among("subtests", subtestNames(list)))
		}
		what, outcome, reason = what+", subtest "+name, list[i].Outcome, list[i].Reason
		list = list[i].Tests
	}
	if outcome == result.TestPass {
		return nil
	}
	if reason != "" {
		reason = ": " + reason
	}
	return mismatch(t.EndNS, "%s %s%s; want a pass", what, ended(outcome), reason)
}

// ended is an outcome as the end of a sentence.
func ended(o result.TestOutcome) string {
	switch o {
	case result.TestFail:
		return "failed"
	case result.TestSkip:
		return "was skipped"
	case result.TestXFail:
		return "failed, as its author expects"
	case result.TestNotRun:
		return "did not run"
	}
	return "ended in " + string(o)
}

func subtestNames(list []result.Subtest) []string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

// matches reports whether a name is the wanted one, which may end with a star.
func matches(want, name string) bool {
	start, open := strings.CutSuffix(want, "*")
	return name == want || open && strings.HasPrefix(name, start)
}

// maxNames is how many names a message has.
const maxNames = 8

// among says which there are of what was not found.
func among(what string, names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	if len(names) == 0 {
		return what + ": none"
	}
	return what + ": " + strings.Join(names, ", ") + more
}

func either(endings []timeline.Ending) string {
	var list []string
	for _, e := range endings {
		list = append(list, string(e))
	}
	return strings.Join(list, " or ")
}

// value is what the kernel returned, an errno by its name.
func value(v int64) string {
	if name := errno.Name(int(-v)); v < 0 && name != "" {
		return "-" + name
	}
	return fmt.Sprint(v)
}
