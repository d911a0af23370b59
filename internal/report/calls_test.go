// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func ns(v int64) *int64 { return &v }

// withCalls is a run with a test that opens, reads often, and is refused.
func withCalls() *result.Result {
	task := result.Task{Comm: "t_hw", PID: 40}
	call := func(at int64, name, args string, ret *int64, serving string) result.Call {
		return result.Call{By: task, Name: name, File: "/dev/hw", FD: 3, Module: "hw", Args: args, Ret: ret, AtNS: at,
			EndNS: ns(at + 1000), Serving: serving}
	}
	r := &result.Result{
		Tests: []result.Test{{Name: "t_hw", PID: 40, Outcome: result.TestFail, Reason: "exit status 1", Exit: 1,
			StartNS: ns(0), EndNS: ns(9e6), MS: 9, Output: "one\ntwo\n"}},
		Processes: []result.Process{
			{Task: task, Test: 0, EndNS: ns(9e6), Exit: new(int)},
			{Task: result.Task{Comm: "child", PID: 41}, Test: 0, EndNS: ns(8e6), KilledBy: "SIGSEGV"},
		},
		Calls: []result.Call{
			call(1e6, "openat", "O_RDWR", ns(3), "hw_open [hw]"),
			call(2e6, "read", "16 bytes", ns(16), "hw_read [hw]"),
			call(3e6, "read", "16 bytes", ns(16), "hw_read [hw]"),
			call(4e6, "ioctl", "request 0x4801", ns(-25), "hw_ioctl [hw]"),
			call(5e6, "write", "1 byte", nil, "hw_write [hw]"),
		},
	}
	r.Calls[2].Omitted = 7
	r.Calls[4].EndNS = nil
	return r
}

// TestCallsInStory checks that a test's life and its calls are in the story, with the function that served each.
func TestCallsInStory(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, withCalls(), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"0.0 ms t_hw[40] starts as the test t_hw",
		"1.0 ms t_hw[40] openat /dev/hw O_RDWR, returned 3 after",
		"by hw_open [hw]",
		"2.0 ms t_hw[40] read /dev/hw 16 bytes, returned 16 after",
		"… 1 more like it",
		"… 7 further calls on this file have no record",
		"t_hw[40] ioctl /dev/hw request 0x4801, returned -ENOTTY after",
		"t_hw[40] write /dev/hw 1 byte, has not returned, by hw_write [hw]",
		"8.0 ms child[41] ended killed by SIGSEGV",
		"9.0 ms t_hw[40] ended exit status 1",
		"FAIL t_hw 9.0 ms, exit status 1 | one | two",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestManyCalls checks that a test that calls without end does not fill the story.
func TestManyCalls(t *testing.T) {
	r := &result.Result{}
	for i := range int64(1000) {
		r.Calls = append(r.Calls, result.Call{
			By: result.Task{Comm: "t", PID: 1}, Name: "read", File: "/dev/hw", AtNS: i, Ret: ns(i), Module: "hw",
		})
	}
	for _, c := range []struct {
		verbose bool
		most    int
	}{{false, firstCalls + 10}, {true, 1100}} {
		var out bytes.Buffer
		if err := Text(&out, r, TextOptions{Verbose: c.verbose}); err != nil {
			t.Fatal(err)
		}
		n := strings.Count(out.String(), "\n")
		if n > c.most || c.verbose && n < 1000 || !c.verbose && !strings.Contains(out.String(), "further calls on /dev/hw") {
			t.Errorf("verbose %t: %d lines", c.verbose, n)
		}
	}
}

// TestLoopOfCalls: a loop is one entry, although the tracer recorded only the first calls, and then those whose number
// is a power of two.
func TestLoopOfCalls(t *testing.T) {
	r := &result.Result{}
	for i := range int64(8) {
		r.Calls = append(r.Calls, result.Call{By: result.Task{Comm: "t", PID: 1}, Name: "read", File: "/dev/hw",
			AtNS: i * 1e6, EndNS: ns(i*1e6 + 1000), Ret: ns(6), Omitted: int(1<<i) - 1})
	}
	var out bytes.Buffer
	if err := Text(&out, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	const want = "t[1] read /dev/hw returned 6 after 1 µs … 7 more like it, within 7.0 ms " +
		"… 247 further calls on this file have no record"
	if !strings.Contains(got, want) || strings.Count(got, "read /dev/hw") != 1 {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestTestReports checks what the tests of a run are in JUnit and in KTAP.
func TestTestReports(t *testing.T) {
	r := withCalls()
	r.Tests[0].Subtests = []result.Subtest{
		{Name: "a", Outcome: result.TestPass},
		{Name: "group", Outcome: result.TestFail, Tests: []result.Subtest{
			{Name: "b # SKIP", Outcome: result.TestFail, Notes: []string{"not ok 9 forged"}},
			{Outcome: result.TestXFail, Reason: "known"},
		}},
	}
	r.Tests = append(r.Tests, result.Test{Name: "u", Outcome: result.TestSkip, Reason: "no hardware", Exit: 4},
		result.Test{Name: "v", Outcome: result.TestNotRun, Reason: "the kernel had crashed", Exit: -1})
	r.Verdict = result.Verdict{Class: result.TestFailed, Message: "test t_hw failed: exit status 1"}
	var ktap, junit bytes.Buffer
	if err := KTAP(&ktap, r); err != nil {
		t.Fatal(err)
	}
	if err := JUnit(&junit, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  KTAP version 1\n  1..3\n    KTAP version 1\n    1..2\n    ok 1 a\n      KTAP version 1\n      1..2\n",
		"      #   not ok 9 forged\n      not ok 1 b \\x23 SKIP\n      ok 2 number 2 # XFAIL known\n    not ok 2 group\n",
		"  #   exit status 1\n  not ok 1 t_hw\n", "  ok 2 u # SKIP no hardware\n", "  ok 3 v # SKIP the kernel had crashed\n",
	} {
		if !strings.Contains(ktap.String(), want) {
			t.Errorf("no %q in\n%s", want, ktap.String())
		}
	}
	for _, want := range []string{
		`tests="7" failures="3" errors="0" skipped="3"`,
		`<testcase name="b # SKIP" classname="kmodlab.run.t_hw.group" time="0.000">`,
		`<skipped>known</skipped>`, `<skipped>no hardware</skipped>`, `<failure type="test" message="exit status 1">`,
	} {
		if !strings.Contains(junit.String(), want) {
			t.Errorf("no %q in\n%s", want, junit.String())
		}
	}
}
