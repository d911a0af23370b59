// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func ns(v int64) *int64 { return &v }

// TestTestLanes is a real run: a test with a child that waits in the module until a signal ends it.
func TestTestLanes(t *testing.T) {
	s := Build(golden(t, "hw"))
	check(t, s)
	before := len(s.Lanes)
	s.Lanes = slices.DeleteFunc(s.Lanes, func(l Lane) bool { return l.Background })
	before -= len(s.Lanes) // the background's lanes come first
	want := []string{"modprobe[108]", "hw_test[114]", "hw_test[115]", "modprobe[116]", "hw"}
	if got := titles(s); !slices.Equal(got, want) {
		t.Fatalf("lanes %q; want %q", got, want)
	}
	test, child := &s.Lanes[1], &s.Lanes[2]
	if test.Kind != Test || test.Note != "test, failed" || test.Tone != Bad || child.Kind != Program ||
		child.Note != "of hw_test" || child.Background {
		t.Errorf("lanes %+v, %+v", test, child)
	}
	for lane, want := range map[*Lane]string{
		test: "failed hw_test, call openat /dev/hw, " +
			"call pread64 /dev/hw ×4, " +
			"call ioctl /dev/hw, refused ioctl /dev/hw, call close /dev/hw",
		child: "running hw_test, refused ioctl /dev/hw",
	} {
		var got []string
		for _, g := range lane.Segments {
			got = append(got, fmt.Sprintf("%s %s", g.Stage, g.Name))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %s; want %s", lane.Title(), strings.Join(got, ", "), want)
		}
	}
	var arrows, crosses []string
	for _, a := range s.Arrows {
		if a.From.Lane < before {
			continue
		}
		arrows = append(arrows, fmt.Sprintf("%s %d > %d %s %s", a.Link, a.From.Lane-before, a.To.Lane-before, a.Name,
			a.Outcome))
	}
	for _, e := range s.Events {
		if e.Cross {
			crosses = append(crosses, s.Lanes[e.Lane-before].Title()+" "+e.How)
		}
	}
	if want := []string{"fork 1 > 2  ", "signal 1 > 2 SIGTERM delivered"}; !slices.Equal(arrows, want) {
		t.Errorf("arrows %q; want %q", arrows, want)
	}
	if want := []string{"hw_test[115] killed by SIGTERM"}; !slices.Equal(crosses, want) {
		t.Errorf("crosses %q; want %q", crosses, want)
	}
	if e := s.Events[s.Starts(0)]; e.What != "starts" || e.Lane-before != 1 || s.Starts(1) != -1 || s.Starts(-1) != -1 {
		t.Errorf("the test begins with %+v", e)
	}
}

// TestGroups: processes follow their test, a process that has nothing to do with the modules is background unless one
// that it started has, and what a test asks of the kernel is in its own lane.
func TestGroups(t *testing.T) {
	task := func(comm string, pid int) result.Task { return result.Task{Comm: comm, PID: pid} }
	r := &result.Result{
		Tests: []result.Test{
			{Name: "tests/one.sh", PID: 10, Outcome: result.TestPass, StartNS: ns(100), EndNS: ns(900)},
			{Name: "two", PID: 20, Outcome: result.TestSkip, Reason: "no device", Exit: 4, StartNS: ns(150), EndNS: ns(800)},
			{Name: "none", Outcome: result.TestNotRun},
		},
		Processes: []result.Process{
			{Task: task("one.sh", 10), Parent: 1, StartNS: ns(100), EndNS: ns(900)},
			{Task: task("true", 11), Parent: 10, StartNS: ns(110), EndNS: ns(120)},
			{Task: task("two", 20), Test: 1, Parent: 1, StartNS: ns(150), EndNS: ns(800)},
			{Task: task("sh", 12), Parent: 10, StartNS: ns(200), EndNS: ns(400)},
			{Task: task("cat", 13), Parent: 12, StartNS: ns(210), EndNS: ns(390)},
			{Task: task("alone", 30), Test: -1, Parent: 1, StartNS: ns(300)},
		},
		Calls: []result.Call{{By: task("cat", 13), Name: "read", File: "/proc/x", FD: 3, Ret: ns(0), AtNS: 300,
			EndNS: ns(310)}},
		Threads: []result.Thread{{Name: "kt", PID: 40, Requester: task("two", 20),
			Stages: result.ThreadStages{Requested: ns(160), PickedUp: ns(165), Function: ns(170)}}},
	}
	s := Build(r)
	check(t, s)
	var got []string
	for i := range s.Lanes {
		l := &s.Lanes[i]
		got = append(got, fmt.Sprintf("%s %s %t", l.Title(), cmpOr(l.Note, string(l.Kind)), l.Background))
	}
	want := []string{"one.sh[10] test, passed false", "true[11] of one.sh true", "sh[12] of one.sh false",
		"cat[13] of one.sh false", "two[20] test, skipped false", "kthreadd[2] kthreadd false", "kt[40] kthread false",
		"alone[30] program true"}
	if !slices.Equal(got, want) {
		t.Errorf("lanes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.ContainsFunc(s.Lanes[4].Segments, func(g Segment) bool { return g.Stage == Create }) {
		t.Errorf("the test does not ask for the thread: %+v", s.Lanes[4].Segments)
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// TestCallsWithoutEnd: thousands of calls become a few segments, and those that fail keep room of their own.
func TestCallsWithoutEnd(t *testing.T) {
	r := &result.Result{Tests: []result.Test{{Name: "t", PID: 7, Outcome: result.TestPass, StartNS: ns(0),
		EndNS: ns(1 << 30)}}}
	for i := range int64(50_000) {
		ret := i % 7 // no two in a row are alike
		if i%1000 == 999 {
			ret = -22
		}
		r.Calls = append(r.Calls, result.Call{By: result.Task{Comm: "t", PID: 7}, Name: "read", File: "/dev/x", FD: 3,
			Ret: &ret, AtNS: i * 100, EndNS: ns(i*100 + 50)})
	}
	s := Build(r)
	check(t, s)
	refused, rest := 0, ""
	for _, g := range s.Lanes[0].Segments {
		if g.Stage == Refused {
			refused++
		}
		if strings.Contains(g.Name, "further") {
			rest = g.Name
		}
	}
	if n := len(s.Lanes[0].Segments); n > 2*maxFileCalls+2 || refused != 50 || rest != "49850 further calls on /dev/x" {
		t.Errorf("%d segments, %d refused, %q", n, refused, rest)
	}

	r.Calls = nil
	for i := range int64(50_000) { // on as many files
		r.Calls = append(r.Calls, result.Call{By: result.Task{Comm: "t", PID: 7}, Name: "open",
			File: fmt.Sprintf("/proc/%d", i), FD: 3, Ret: ns(3), AtNS: i, EndNS: ns(i)})
	}
	s = Build(r)
	check(t, s)
	if n := len(s.Lanes[0].Segments); n > 2*maxCalls+1 || s.Lanes[0].Rows > maxRows+1 {
		t.Errorf("%d segments in %d rows", n, s.Lanes[0].Rows)
	}
}

// TestUnreturned: a call that never returned ends with its process, and one of a process that lives does not end.
func TestUnreturned(t *testing.T) {
	r := &result.Result{
		Tests: []result.Test{{Name: "a", PID: 7, Outcome: result.TestFail, Signal: "SIGKILL", Exit: 137,
			Reason:  "it was killed by SIGKILL",
			Place:   &result.Place{Object: "/lab/a", Function: "main", Offset: 4, File: "a.c", Line: 3},
			StartNS: ns(10), EndNS: ns(500)},
			{Name: "b", PID: 8, Outcome: result.TestFail, StartNS: ns(600)}},
		Calls: []result.Call{
			{By: result.Task{Comm: "a", PID: 7}, Name: "ioctl", File: "/dev/x", AtNS: 20},
			{By: result.Task{Comm: "b", PID: 8}, Name: "ioctl", File: "/dev/x", AtNS: 620},
		},
		Messages: []result.Message{{AtNS: ns(1000), Module: "m"}},
	}
	s := Build(r)
	check(t, s)
	if g := s.Lanes[0].Segments[1]; g.Stage != Refused || g.Open || g.End != 500 {
		t.Errorf("the call of a process that ended: %+v", g)
	}
	if g := s.Lanes[1].Segments[1]; g.Stage != Refused || !g.Open || g.End != 1000 {
		t.Errorf("the call of a process that lives: %+v", g)
	}
	const want = "killed by SIGKILL in main+0x4 of a (a.c:3), failed"
	if !slices.ContainsFunc(s.Events, func(e Event) bool { return e.How == want && e.Cross && e.Tone == Bad }) {
		t.Errorf("no event %q in %+v", want, s.Events)
	}
}

// TestWakeupArrows: an arrow leads from the program that wakes a thread to that thread.
func TestWakeupArrows(t *testing.T) {
	r := golden(t, "hw")
	by := r.Tests[0]
	r.Threads = append(r.Threads, result.Thread{Name: "K1", PID: 45, Stages: result.ThreadStages{Function: by.StartNS},
		Wakeups: []result.Wakeup{{By: result.Task{Comm: "hw_test", PID: by.PID, Site: "hw_ioctl+0x9 [hw]"},
			AtNS: *by.StartNS + 1000, Omitted: 4}}})
	s := Build(r)
	check(t, s)
	for _, a := range s.Arrows {
		if a.Link != LinkWake {
			continue
		}
		from, to, e := s.Lanes[a.From.Lane].Title(), s.Lanes[a.To.Lane].Title(), s.Events[a.Event]
		if from == fmt.Sprintf("hw_test[%d]", by.PID) && to == "K1[45]" && e.What == "wakes K1" &&
			strings.Contains(e.How, "hw_ioctl") && strings.Contains(e.How, "4 more times") {
			return
		}
	}
	t.Errorf("no arrow from the test to the thread: %+v\n%+v", s.Arrows, s.Events)
}
