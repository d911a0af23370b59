// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/tap"
	"github.com/kmodlab/kmodlab/result"
)

func told(text string) *tap.Result {
	var r tap.Reader
	r.Write([]byte(text))
	return r.Result()
}

// TestOutcomes has each way in which a test can end.
func TestOutcomes(t *testing.T) {
	good, bad := "1..2\nok 1 - a\nok 2 - b\n", "1..2\nok 1 - a\nnot ok 2 - b\n"
	for name, c := range map[string]struct {
		test    evidence.Test
		outcome result.TestOutcome
		reason  string
	}{
		"pass":          {evidence.Test{}, result.TestPass, ""},
		"pass with TAP": {evidence.Test{TAP: told(good)}, result.TestPass, ""},
		"status":        {evidence.Test{Exit: 3}, result.TestFail, "exit status 3"},
		"status and TAP": {evidence.Test{Exit: 1, TAP: told(bad)}, result.TestFail,
			"exit status 1; 1 of 2 subtests failed: b"},
		"TAP alone": {evidence.Test{TAP: told(bad)}, result.TestFail, "1 of 2 subtests failed: b"},
		"TAP not whole": {evidence.Test{TAP: told("1..3\nok 1\n")}, result.TestFail,
			"its report is not complete: planned are 3 tests, and there are 1 results"},
		"a whole whose parts pass": {evidence.Test{TAP: told("1..1\n  1..1\n  ok 1 a\nnot ok 1 b\n")}, result.TestFail,
			"1 of 1 subtest failed: b"},
		"a part of one that passes": {evidence.Test{TAP: told("1..1\n  1..1\n  not ok 1 a\nok 1 b\n")}, result.TestFail,
			"1 of 1 subtest failed: a"},
		"status of a skip, and TAP": {evidence.Test{Exit: 4, TAP: told(bad)}, result.TestFail,
			"exit status 4; 1 of 2 subtests failed: b"},
		"skips the rest": {evidence.Test{Exit: 4, TAP: told("1..5\nok 1 # SKIP no root\n")}, result.TestSkip,
			"exit status 4"},
		"TAP not read": {evidence.Test{TAP: told("1..3\nok 1\n"), Unread: true}, result.TestFail,
			"its report is not complete: it goes on after the 4 MiB that are read"},
		"TAP not read, with a failure": {evidence.Test{TAP: told("1..3\nok 1\nnot ok 2 b\n"), Unread: true},
			result.TestFail, "1 of 2 subtests failed: b; its report is not complete: it goes on after the 4 MiB that are read"},
		"long output":  {evidence.Test{Unread: true}, result.TestPass, ""},
		"skip":         {evidence.Test{Exit: 4}, result.TestSkip, "exit status 4"},
		"skip, reason": {evidence.Test{Exit: 4, TAP: told("1..0 # SKIP no hardware\n")}, result.TestSkip, "no hardware"},
		"skip by TAP":  {evidence.Test{TAP: told("1..0 # SKIP no hardware\n")}, result.TestSkip, "no hardware"},
		"signal":       {evidence.Test{Exit: 139, Signal: "SIGSEGV"}, result.TestFail, "it was killed by SIGSEGV"},
		"refused": {evidence.Test{Exit: -1, Refused: "exec format error"}, result.TestFail,
			"it did not start: exec format error"},
		"not run": {evidence.Test{NotRun: "the kernel had crashed"}, result.TestNotRun, "the kernel had crashed"},
		"crash": {evidence.Test{Exit: -1, Unknown: "the kernel crashed while it ran"}, result.TestFail,
			"the kernel crashed while it ran"},
		"timeout": {evidence.Test{TimedOut: true, LimitMS: 30_000, Exit: 137}, result.TestFail,
			"it did not end within 30s"},
		"crowd": {evidence.Test{TimedOut: true, LimitMS: 1500, Exit: 137, Processes: 700}, result.TestFail,
			"it did not end within 1.5s and had 700 processes"},
		"waits": {evidence.Test{TimedOut: true, LimitMS: 1000, Waits: []result.Stuck{
			{Comm: "t", PID: 7, State: "interruptible", Site: "hw_read+0x1f [hw]"},
		}}, result.TestFail, "it did not end within 1s; t[7] waits in hw_read+0x1f [hw]"},
		"runs": {evidence.Test{TimedOut: true, LimitMS: 1000, Waits: []result.Stuck{
			{Comm: "t", PID: 7, State: result.Running, Site: "hw_spin+0x2 [hw]"},
		}}, result.TestFail, "it did not end within 1s; t[7] runs in hw_spin+0x2 [hw]"},
	} {
		e := &evidence.Evidence{Tests: []evidence.Test{c.test}, Finished: true}
		got := Of(e).Tests
		if len(got) != 1 || got[0].Outcome != c.outcome || got[0].Reason != c.reason {
			t.Errorf("%s: %+v; want %s, %q", name, got, c.outcome, c.reason)
		}
	}
}

// TestJudgeTests has the place of a failing test among the other verdicts.
func TestJudgeTests(t *testing.T) {
	failing := evidence.Test{Name: "t", Exit: 1, PID: 9, Output: "one\ntwo\n"}
	for name, c := range map[string]struct {
		e     evidence.Evidence
		class result.Class
		text  string
		also  string // classes
	}{
		"alone": {evidence.Evidence{Tests: []evidence.Test{failing}, Finished: true},
			result.TestFailed, "test t failed: exit status 1", ""},
		"two": {evidence.Evidence{Tests: []evidence.Test{failing, {Name: "u", Exit: 2}}, Finished: true},
			result.TestFailed, "(and 1 more test: u)", ""},
		"a passing one": {evidence.Evidence{Tests: []evidence.Test{{Name: "t"}}, Finished: true},
			result.Pass, "1 test passed", ""},
		"a skipped one": {evidence.Evidence{Tests: []evidence.Test{{Name: "t", Exit: 4}, {Name: "u"}}, Finished: true},
			result.Pass, "1 test passed and 1 skipped", ""},
		"refused module": {evidence.Evidence{
			Tests:    []evidence.Test{{Name: "t", NotRun: "a module was not loaded"}},
			Failures: []evidence.Failure{{Kind: evidence.Load, Message: "refused"}}, Finished: true,
		}, result.Load, "refused", ""},
		"machine gone": {evidence.Evidence{
			Tests:    []evidence.Test{{Name: "t", Exit: -1, Unknown: "the machine did not answer any more while it ran"}},
			Failures: []evidence.Failure{{Kind: evidence.Lost, Message: "gone"}},
		}, result.Lost, "gone", ""},
		"before and gone": {evidence.Evidence{
			Tests:    []evidence.Test{failing, {Name: "u", Exit: -1, Unknown: "the kernel crashed while it ran"}},
			Failures: []evidence.Failure{{Kind: evidence.Lost, Message: "gone"}},
		}, result.Lost, "gone", "test"},
		"unfit": {evidence.Evidence{
			Failures: []evidence.Failure{{Kind: evidence.Program, Message: "t is for aarch64", Hint: "h"}},
		}, result.TestFailed, "t is for aarch64", ""},
	} {
		v := Of(&c.e).Verdict
		var also []string
		for _, a := range v.Also {
			also = append(also, string(a.Class))
		}
		if v.Class != c.class || !strings.Contains(v.Message, c.text) || strings.Join(also, " ") != c.also {
			t.Errorf("%s: %s: %s, also %q; want %s, %q, also %q", name, v.Class, v.Message, also, c.class, c.text, c.also)
		}
	}
}

// TestTestsOutOfMemory checks that tests which use up their memory are not the module's fault, unless it took part.
func TestTestsOutOfMemory(t *testing.T) {
	report := func(frames ...string) result.Crash {
		c := result.Crash{Class: result.Oops, Type: "oom-kill", Title: "Out of memory: t asked for more"}
		for _, name := range frames {
			f := result.Frame{Function: name, Reliable: true}
			if name == "hw_write" {
				f.Module = "hw"
			}
			c.Frames = append(c.Frames, f)
		}
		return c
	}
	for name, c := range map[string]struct {
		crash     result.Crash
		unrelated bool
	}{
		"a test":          {report("out_of_memory", "mem_cgroup_out_of_memory", "handle_mm_fault"), true},
		"the module":      {report("mem_cgroup_out_of_memory", "hw_write"), false},
		"the whole guest": {report("out_of_memory", "handle_mm_fault"), false},
	} {
		m := newMaker(&evidence.Evidence{Studied: []string{"hw"}, Finished: true})
		for i, f := range c.crash.Frames {
			if f.Module != "" {
				c.crash.Guilty = &i
			}
		}
		own, unrelated := m.splitUnrelated([]result.Crash{c.crash})
		if (len(unrelated) == 1) != c.unrelated || len(own)+len(unrelated) != 1 {
			t.Errorf("%s: own %d, unrelated %d", name, len(own), len(unrelated))
		}
		m.res.Unrelated = unrelated
		_, reason := m.outcome(&evidence.Test{Signal: "SIGKILL", Exit: 137}, nil)
		if strings.Contains(reason, "used up the memory") != c.unrelated {
			t.Errorf("%s: %s", name, reason)
		}
	}
}
