// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

func ns(v int64) *int64 { return &v }

// aRun is a run in which something of each kind happened.
func aRun() *result.Result {
	test := result.Task{Comm: "t_hw", PID: 40}
	return &result.Result{
		Verdict: result.Verdict{Class: result.Pass, Message: "2 modules loaded and unloaded"},
		Machine: result.Machine{Name: "debian:trixie", Kernel: "6.12"},
		Phases:  []result.Phase{{Name: "load"}, {Name: "leaks"}},
		Modules: []result.Module{
			{Name: "my_hw", Loaded: true, Unloaded: true, LoadedNS: ns(0), FreedNS: ns(90e6)},
			{Name: "bad", InitRet: -12, LoadedNS: ns(1e6)},
		},
		Threads: []result.Thread{
			{Name: "K1", PID: 50, Ending: "stopped", Ended: "returned 0", Stages: result.ThreadStages{Exited: ns(7e6)}},
			{Name: "w/0", PID: 51, Ending: "by-itself", Ended: "returned 1", Stages: result.ThreadStages{Requested: ns(3e6)}},
			{Name: "kworker", PID: 9, Ending: "alive", Background: true},
		},
		Requests: []result.Request{
			{Name: "later", Returned: ns(0)}, {Name: "none", Returned: ns(-2), Meaning: "no such file",
				Stages: result.RequestStages{Asked: ns(5e6)}},
			{Name: "waits", Stages: result.RequestStages{Asked: ns(6e6)}},
		},
		Signals: []result.Signal{
			{Name: "SIGUSR1", To: result.Task{Comm: "K1", PID: 50}, Outcome: result.Blocked, Reason: "its mask", SentNS: 4e6},
			{Name: "SIGUSR1", To: result.Task{Comm: "K2", PID: 52}, Outcome: result.Consumed},
		},
		Messages: []result.Message{{AtNS: ns(2e6), Module: "my_hw", Text: "value is 7"}},
		Calls: []result.Call{
			{By: test, Name: "read", File: "/dev/hw", Ret: ns(-5), AtNS: 8e6},
			{By: test, Name: "read", File: "/dev/hw", Ret: ns(6), AtNS: 9e6},
			{By: test, Name: "ioctl", File: "/dev/hw", Ret: ns(-25), AtNS: 10e6},
			{By: test, Name: "poll", File: "/dev/hw", AtNS: 11e6},
		},
		Tests: []result.Test{
			{Name: "t_hw", Outcome: result.TestPass, EndNS: ns(12e6), Subtests: []result.Subtest{
				{Name: "opens", Outcome: result.TestPass, Tests: []result.Subtest{{Name: "twice", Outcome: result.TestXFail}}},
				{Name: "reads", Outcome: result.TestSkip, Reason: "no data"},
			}},
			{Name: "t_bad", Outcome: result.TestFail, Reason: "exit status 1", EndNS: ns(13e6), Output: "one\ntwo\n"},
		},
	}
}

// TestRequirements: each requirement is met by what it names, and by nothing else, and says what there is instead.
func TestRequirements(t *testing.T) {
	none := int64(-1)
	for name, tt := range map[string]struct {
		q    Requirement
		want string // "" if it is met
		at   int64
	}{
		"pass":               {Pass(), "", 0},
		"class":              {Class(result.Oops), "verdict pass: 2 modules loaded and unloaded; want oops", none},
		"words":              {Class(result.Pass, "2 modules"), "", 0},
		"other words":        {Class(result.Pass, "2 modules", "K1"), `want "K1" in it`, none},
		"loaded":             {Loaded("my-hw"), "", 0},
		"loaded, one of two": {Loaded("my_hw", "bad"), "module bad did not stay loaded: its init returned -ENOMEM", 1e6},
		"not loaded":         {Loaded("other"), "module other was not loaded; loaded: bad, my_hw", none},
		"unloaded":           {Unloaded("my_hw"), "", 0},
		"not unloaded":       {Unloaded("bad"), "module bad was not unloaded", none},
		"never there":        {Unloaded("other"), "was not loaded", none},
		"thread":             {Thread("K1"), "", 0},
		"thread's end":       {Thread("K1", timeline.EndStopped), "", 0},
		"threads":            {Thread("w/*", timeline.EndStopped, timeline.EndByItself), "", 0},
		"other end":          {Thread("w*", timeline.EndStopped), "kernel thread w/0[51]: returned 1 (by-itself); want stopped", 3e6},
		"other thread's end": {Thread("K1", timeline.EndAlive, timeline.EndOutlives), "want alive or outlives-module", 7e6},
		"no thread":          {Thread("K2"), "no kernel thread K2; kernel threads: K1, w/0", none},
		"background":         {Thread("kworker"), "no kernel thread kworker", none},
		"star within":        {Thread("*1"), "no kernel thread *1", none},
		"request":            {Requested("later"), "", 0},
		"failed request":     {Requested("none"), `request_module("none") returned -ENOENT: no such file`, 5e6},
		"waiting request":    {Requested("waits"), "did not return", 6e6},
		"no request":         {Requested("x"), `no request_module("x"); requests: later, none, waits`, none},
		"signal":             {Signal("SIGUSR1", "K*", result.Consumed), "", 0},
		"other outcome": {Signal("SIGUSR1", "K1", result.Consumed),
			"SIGUSR1 to K1[50] was blocked: its mask; want consumed", 4e6},
		"no signal": {Signal("SIGTERM", "K1", result.Consumed),
			"no SIGTERM to K1; signals: SIGUSR1 to K1, SIGUSR1 to K2", none},
		"printed":            {Printed("value is"), "", 0},
		"not printed":        {Printed("value was"), `no module printed "value was" (lines of modules: 1)`, none},
		"called":             {Called("read", "/dev/hw"), "", 0},
		"failed call":        {Called("ioctl", "/dev/hw"), "ioctl on /dev/hw by t_hw[40] returned -ENOTTY", 10e6},
		"call that waits":    {Called("poll", "/dev/hw"), "did not return", 11e6},
		"not called":         {Called("write", "/dev/hw"), "no write on /dev/hw; calls: ioctl /dev/hw, poll /dev/hw", none},
		"other file":         {Called("read", "/dev/h"), "no read on /dev/h;", none},
		"test":               {TestPassed("t_hw"), "", 0},
		"test by its source": {TestPassed("tests/t_hw.c"), "", 0},
		"subtest":            {TestPassed("t_hw", "opens"), "", 0},
		"subtest's subtest": {TestPassed("t_hw", "opens", "twice"),
			"test t_hw, subtest opens, subtest twice failed, as its author expects; want a pass", 12e6},
		"skipped subtest": {TestPassed("t_hw", "reads"), "subtest reads was skipped: no data; want a pass", 12e6},
		"no subtest":      {TestPassed("t_hw", "closes"), "has no subtest closes; subtests: opens, reads", 12e6},
		"failed test":     {TestPassed("t_bad"), "test t_bad failed: exit status 1; want a pass", 13e6},
		"no test":         {TestPassed("t"), "no test t; tests: t_bad, t_hw", none},
		"no leaks":        {NoLeaks(), "", 0},
		"nothing lost":    {NothingLost(), "", 0},
		"holds":           {Holds(`module("my_hw").unloaded && thread("K1").ending == "stopped"`), "", 0},
		"does not hold": {Holds("threads.all(t,\n t.ending == 'stopped')"),
			"threads.all(t, t.ending == 'stopped') does not hold\nthread w/0[51]: ending is \"by-itself\", not \"stopped\"", 3e6},
		"a slip":              {Holds(`thread("K1").endin == "stopped"`), "has no field endin; did you mean ending?", none},
		"your own":            {That(func(r *result.Result) error { return nil }), "", 0},
		"your own, not so":    {That(func(r *result.Result) error { return errors.New("too slow") }), "too slow", none},
		"your own, with time": {That(func(r *result.Result) error { return &Mismatch{"late", ns(2e6)} }), "late", 2e6},
	} {
		err := tt.q.Check(aRun())
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		at := none
		var m *Mismatch
		if errors.As(err, &m) && m.At != nil {
			at = *m.At
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || at != tt.at {
			t.Errorf("%s: %v at %d, want %q at %d", name, err, at, tt.want, tt.at)
		}
	}
}

// TestRequirementsOfFaults: what is not known is not taken for good, and is said.
func TestRequirementsOfFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*result.Result)
		q      Requirement
		want   string
	}{
		"leak": {func(r *result.Result) {
			r.Leaks = []result.Leftover{{Kind: "memory", What: "64 bytes", File: "hw.c", Line: 7}, {}}
		}, NoLeaks(), "left behind: memory: 64 bytes (hw.c:7), and 1 more"},
		"freed twice": {func(r *result.Result) {
			r.Misuse = []result.Misuse{{Kind: "double free", Site: "f+0x1 [hw]"}}
		}, NoLeaks(), "double free at f+0x1 [hw]"},
		"leaks not looked for": {func(r *result.Result) { r.Phases = r.Phases[:1] }, NoLeaks(), "is not known"},
		"records lost": {
			func(r *result.Result) { r.Dropped.Total = 3 }, NothingLost(), "3 records of the trace were lost",
		},
		"log lost": {
			func(r *result.Result) { r.LogLost = 2 }, NothingLost(), "2 lines of the kernel's log were lost",
		},
		"absent, doubtful": {func(r *result.Result) {
			r.Dropped.Total = 3
			r.Unknown = map[string]string{"thread_forked": "no hook", "tainted": "old kernel"}
		}, Thread("K2"), "the trace does not know everything: 3 records were lost, no thread_forked is recorded (no hook)"},
		"absent, lines lost": {func(r *result.Result) { r.LogLost = 2 }, Printed("x"), "; lost of the kernel's log: 2)"},
		"one of two tests": {func(r *result.Result) { r.Tests[1].Name = "t_hw" }, TestPassed("t_hw"),
			"test t_hw failed: exit status 1"},
		"not run": {func(r *result.Result) {
			r.Tests[0].Outcome, r.Tests[0].Reason = result.TestNotRun, "the kernel had crashed"
		}, TestPassed("t_hw"), "test t_hw did not run: the kernel had crashed; want a pass"},
		"expected of nothing known": {func(r *result.Result) {
			r.Unknown = map[string]string{"signal_sent": "no hook", "signal_generated": "no hook"}
		}, Holds("signals.size() == 2"), "signals.size() == 2: not known\nsignals are not recorded on this kernel: no hook"},
		"expected of a guest that is lost": {func(r *result.Result) { r.Verdict.Class = result.Lost },
			Holds("threads.size() == 2"), "threads.size() == 2: not known\nwhat the guest said does not count"},
		"absent, many names": {func(r *result.Result) {
			for i := range 20 {
				r.Threads = append(r.Threads, result.Thread{Name: fmt.Sprintf("T%02d", i)})
			}
		}, Thread("x"), "kernel threads: K1, T00, T01, T02, T03, T04, T05, T06 and 14 more"},
	} {
		r := aRun()
		before := tt.q.Check(r)
		if absent := strings.HasPrefix(name, "absent"); (before != nil) != absent {
			t.Errorf("%s: before: %v", name, before)
		}
		tt.change(r)
		if err := tt.q.Check(r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// TestUnmet: the verdict is required unless a requirement is about it; all that is wrong is listed, with the story
// around the first; and nothing that a guest printed acts on a terminal or looks like a line of go test's.
func TestUnmet(t *testing.T) {
	r := aRun()
	if text := unmet(r, []Requirement{Loaded("my_hw"), NoLeaks()}); text != "" {
		t.Errorf("a pass: %s", text)
	}
	text := unmet(r, []Requirement{Called("ioctl", "/dev/hw"), TestPassed("t_bad"), Loaded("my_hw")})
	for _, want := range []string{
		"ioctl on /dev/hw by t_hw[40] returned -ENOTTY\ntest t_bad failed: exit status 1; want a pass\n",
		"10.0 ms  t_hw[40]", "\n  | pass: 2 modules loaded and unloaded",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	r.Verdict = result.Verdict{Class: result.Oops, Message: "NULL pointer in hw_write at hw.c:31"}
	if text := unmet(r, []Requirement{Loaded("my_hw")}); !strings.HasPrefix(text, "verdict oops; want pass\n") ||
		!strings.Contains(text, "\n  | oops: NULL pointer in hw_write at hw.c:31") {
		t.Errorf("an oops: %s", text)
	}
	if text := unmet(r, nil); !strings.HasPrefix(text, "verdict oops; want pass\n") {
		t.Errorf("an oops, and nothing is required: %s", text)
	}
	if text := unmet(r, []Requirement{Class(result.Oops, "hw.c:31")}); text != "" {
		t.Errorf("the oops that was wanted: %s", text)
	}
	r.Expectations = []result.Expected{
		{Text: "a\n == 1", Outcome: result.ExpectedFailed, Found: []string{"a is 2, not 1"}, AtNS: ns(8e6)},
		{Text: "b", Outcome: result.ExpectedHeld}, {Text: "c", Outcome: result.ExpectedUnknown, Why: "no hook"},
	}
	const said = "a == 1 does not hold\n  | a is 2, not 1\n"
	if text := unmet(r, []Requirement{Class(result.Oops)}); !strings.HasPrefix(text, said) ||
		!strings.Contains(text, "8.0 ms") || strings.Contains(text, "no hook") {
		t.Errorf("the oops that was wanted, without what was expected: %s", text)
	}
	r.Expectations[0].Found = []string{"--- FAIL: TestX\x1b[2J\nok"}
	r.Verdict.Evidence = []string{"--- PASS: TestX (0.00s)", "\x1b[2J\x16=== RUN TestX", "::error::x", "ok"}
	r.Tests[1].Reason = "\x1b]0;x\a\n--- FAIL: TestX\n=== RUN TestX\nok"
	r.Messages[0].Text = strings.Repeat("x ", 40) + strings.Repeat("--- PASS: TestX (0.00s) ", 20)
	r.Verdict.Message = strings.Repeat("--- FAIL: TestX (0.00s) ", 20)
	text = unmet(r, []Requirement{TestPassed("t_bad")})
	for line := range strings.SplitSeq(text, "\n") {
		for _, bad := range []string{"--- ", "=== ", "::", "ok"} {
			if strings.HasPrefix(strings.TrimLeft(line, " "), bad) || strings.ContainsAny(line, "\x1b\x16\a") {
				t.Errorf("a line that may be taken for another's: %q", line)
			}
		}
	}
}
