// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/tap"
	"github.com/kmodlab/kmodlab/result"
)

// skipped is the exit status of a test that could not be carried out, as kselftest and automake have it.
const skipped = 4

// tests are the programs that ran beside the modules.
func (m *maker) tests() []result.Test {
	var list []result.Test
	for i := range m.e.Tests {
		e := &m.e.Tests[i]
		t := result.Test{
			Name: e.Name, Argv: e.Argv, User: e.User, PID: e.PID, Exit: e.Exit, Signal: e.Signal, TimedOut: e.TimedOut,
			StartNS: m.relative(e.StartNS), EndNS: m.relative(e.EndNS), MS: e.MS,
			Output: e.Output, Omitted: e.Omitted, Left: e.Left, LeftCount: max(e.LeftCount, len(e.Left)),
		}
		if e.NotRun != "" {
			t.Exit = -1
		}
		if e.TAP != nil {
			t.Subtests, t.Untold = subtests(e.TAP.Tests), e.TAP.More
		}
		t.Place = m.place(e)
		t.Outcome, t.Reason = m.outcome(e, t.Place)
		list = append(list, t)
	}
	return list
}

// roots are the process ids of the tests.
func (m *maker) roots() []uint32 {
	roots := make([]uint32, 0, len(m.e.Tests))
	for i := range m.e.Tests {
		roots = append(roots, uint32(m.e.Tests[i].PID))
	}
	return roots
}

// relative is a time of the guest's clock as the result has times; nil for 0, which is unknown.
func (m *maker) relative(at uint64) *int64 {
	if at == 0 || m.start == 0 {
		return nil
	}
	ns := int64(at - m.start)
	return &ns
}

func subtests(list []tap.Test) []result.Subtest {
	var all []result.Subtest
	for _, t := range list {
		all = append(all, result.Subtest{
			Name: t.Name, Outcome: result.TestOutcome(t.Outcome), Reason: t.Reason, Notes: t.Notes, Tests: subtests(t.Tests),
		})
	}
	return all
}

// outcome says how a test ended, and why it is not a pass.
func (m *maker) outcome(e *evidence.Test, at *result.Place) (result.TestOutcome, string) {
	told := read(e)
	switch {
	case e.NotRun != "":
		return result.TestNotRun, e.NotRun
	case e.Refused != "":
		return result.TestFail, "it did not start: " + e.Refused
	case e.TimedOut:
		limit := time.Duration(e.LimitMS) * time.Millisecond
		return result.TestFail, fmt.Sprintf("it did not end within %s%s%s", limit, crowd(e.Processes), m.waits(e.Waits))
	case e.Unknown != "":
		return result.TestFail, e.Unknown
	case e.Kind == evidence.OnTerminal:
		return result.TestPass, ""
	case e.Signal == "SIGKILL" && m.crashedIn(e.PID): // that is how the kernel ends a task with an oops
		return result.TestFail, evidence.CrashedMeanwhile
	case e.Signal == "SIGKILL" && m.outOfMemory():
		return result.TestFail, "it was killed: the tests had used up the memory that they may have"
	case e.Signal != "":
		return result.TestFail, "it was killed by " + e.Signal + inPlace(e.Signal, at)
	case e.Exit == skipped && e.Kind != evidence.Command && !contradicts(told):
		reason := ""
		if told != nil {
			reason = told.Skipped
		}
		return result.TestSkip, cmp.Or(reason, "exit status 4")
	case e.Exit != 0:
		return result.TestFail, joinReasons(fmt.Sprintf("exit status %d", e.Exit), failing(told))
	case told != nil && told.Failed():
		return result.TestFail, failing(told)
	case told != nil && told.Skipped != "":
		return result.TestSkip, told.Skipped
	}
	return result.TestPass, ""
}

// contradicts reports whether a test of those failed. A program that skips the rest of its tests has a plan that is not
// kept, and is right.
func contradicts(told *tap.Result) bool {
	return told != nil && slices.ContainsFunc(told.Tests, func(t tap.Test) bool { return t.Failed() })
}

// read is what a test's output says of its tests, nil if it does not speak of any. What was not read may break its
// plan, or be in order: only that it was not read is certain.
func read(e *evidence.Test) *tap.Result {
	if e.TAP == nil || !e.Unread {
		return e.TAP
	}
	told := *e.TAP
	told.Flaws = []string{fmt.Sprintf("it goes on after the %d MiB that are read", evidence.MaxTestOutput>>20)}
	return &told
}

// crashedIn reports whether a report of the kernel is about a task.
func (m *maker) crashedIn(pid int) bool {
	return slices.ContainsFunc(m.res.Crashes, func(c result.Crash) bool { return c.Task != nil && c.Task.PID == pid })
}

// outOfMemory reports whether the tests had used up their memory: the kernel then kills one of them.
func (m *maker) outOfMemory() bool {
	return slices.ContainsFunc(m.res.Unrelated, func(c result.Crash) bool { return ofTests(&c) })
}

func joinReasons(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, "; ")
}

// crowd says how many processes a test had, if they are many.
func crowd(n int) string {
	if n < 16 {
		return ""
	}
	return fmt.Sprintf(" and had %d processes", n)
}

// waits says where in the modules a process was when its time was over.
func (m *maker) waits(list []result.Stuck) string {
	for _, s := range list {
		if s.Site == "" || strings.HasPrefix(s.State, "dead") {
			continue
		}
		does := "waits"
		if s.State == result.Running {
			does = "runs"
		}
		place := s.Site
		if file, line := m.locator.position(s.Site, false); line > 0 {
			place = fmt.Sprintf("%s (%s:%d)", s.Site, file, line)
		}
		return fmt.Sprintf("; %s[%d] %s in %s", s.Comm, s.PID, does, place)
	}
	return ""
}

// failing says which subtests failed, or what is wrong with the report about them.
func failing(told *tap.Result) string {
	if told == nil {
		return ""
	}
	var names []string
	total := 0
	var walk func(tests []tap.Test, counts bool)
	walk = func(tests []tap.Test, counts bool) {
		for _, t := range tests {
			before := len(names)
			walk(t.Tests, counts && (t.Outcome == tap.Pass || t.Outcome == tap.Fail))
			if len(t.Tests) == 0 {
				total++
			}
			if counts && t.Outcome == tap.Fail && len(names) == before { // none of its parts is why
				names = append(names, cmp.Or(t.Name, fmt.Sprintf("number %d", max(total, 1))))
			}
		}
	}
	walk(told.Tests, true)
	var parts []string
	if len(names) > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s failed: %s", len(names),
			plural(uint64(total+told.More), "subtest", "subtests"), list(names)))
	}
	if len(told.Flaws) > 0 {
		parts = append(parts, "its report is not complete: "+told.Flaws[0])
	}
	if told.More > 0 {
		parts = append(parts, fmt.Sprintf("%d further subtests were not read", told.More))
	}
	return joinReasons(parts...)
}

// judgeTests returns the verdict of the tests that failed, unless the machine's end is the reason of all.
func judgeTests(e *evidence.Evidence, res *result.Result) []result.Verdict {
	var failed []*result.Test
	for i := range res.Tests {
		t := &res.Tests[i]
		ended := e.Tests[i].Unknown == "" && t.Reason != evidence.CrashedMeanwhile
		if t.Outcome == result.TestFail && ended {
			failed = append(failed, t)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	first := failed[0]
	v := result.Verdict{
		Class: result.TestFailed, Message: fmt.Sprintf("test %s failed: %s", first.Name, first.Reason),
		Evidence: lastLinesOf(first.Output), Hint: testHint(first),
	}
	if i := slices.IndexFunc(e.Tests, func(t evidence.Test) bool { return t.Kind == evidence.Command }); i >= 0 &&
		i < len(res.Tests) && first == &res.Tests[i] && !first.TimedOut && first.PID != 0 {
		v.Message, v.Hint, v.Evidence = fmt.Sprintf("%s failed: %s", first.Name, first.Reason), "", nil // it was shown
	}
	if n := len(failed); n > 1 {
		var others []string
		for _, t := range failed[1:] {
			others = append(others, t.Name)
		}
		v.Message += fmt.Sprintf(" (and %s: %s)", plural(uint64(n-1), "more test", "more tests"), list(others))
	}
	return []result.Verdict{v}
}

func testHint(t *result.Test) string {
	switch {
	case t.TimedOut:
		return "find out what it waits for; a test that needs longer gets it with --test-timeout, a command with --limit"
	case t.Signal != "":
		return "the program itself crashed or was killed: see its last lines, and the signals in the story"
	case t.PID == 0:
		return "check that the program is for the guest's system: an executable, a script with #!, or a C source"
	}
	return "see what it printed, and which of its calls the module answered with an error"
}

// lastLinesOf are the last lines of a test's output.
func lastLinesOf(output string) []string {
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-evidenceLines):]
}

// testsMessage is the part of a pass's message about tests. What a person did on a terminal was none.
func testsMessage(e *evidence.Evidence, tests []result.Test) string {
	var passed, skipped uint64
	command := ""
	for i, t := range tests {
		if i < len(e.Tests) && e.Tests[i].Kind != "" {
			if e.Tests[i].Kind == evidence.Command {
				command = ", the command succeeded"
			}
			continue
		}
		switch t.Outcome {
		case result.TestPass:
			passed++
		case result.TestSkip:
			skipped++
		}
	}
	switch {
	case passed+skipped == 0:
		return command
	case skipped == 0:
		return fmt.Sprintf(", %s passed", plural(passed, "test", "tests")) + command
	case passed == 0:
		return fmt.Sprintf(", %s skipped", plural(skipped, "test", "tests")) + command
	}
	return fmt.Sprintf(", %s passed and %d skipped", plural(passed, "test", "tests"), skipped) + command
}
