// SPDX-License-Identifier: MIT

package expect

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/result"
)

func ptr[T any](v T) *T { return &v }

// aStory is a run in which something of each kind happened, on a kernel that does not record all.
func aStory() *result.Result {
	r := &result.Result{
		Verdict: result.Verdict{Class: result.Pass},
		Machine: result.Machine{Kernel: "6.1.0-56-cloud-amd64", Accel: "tcg", CPUs: 2},
		Modules: []result.Module{
			{Name: "hello_mod", Loaded: true, Unloaded: true, InitMS: 1.5, LoadedNS: ptr[int64](0)},
			{Name: "ext4", Background: true},
		},
		Threads: []result.Thread{
			{
				Name: "k1", PID: 113, Function: "loop [hello_mod]", Stops: 1, StopRet: ptr[int64](0), Ending: "stopped",
				StoppedBy: &result.Task{Comm: "rmmod", PID: 7, Site: "hello_exit+0x1c [hello_mod]"},
				Stages:    result.ThreadStages{Requested: ptr[int64](100), StopAsked: ptr[int64](200), Exited: ptr[int64](300)},
				Works:     []result.Work{{Function: "job [hello_mod]", QueuedNS: ptr[int64](150)}},
			},
			{
				Name: "k2", PID: 114, Function: "loop [hello_mod]", Ending: "by-itself", Result: -12,
				Stages:  result.ThreadStages{Requested: ptr[int64](110), Exited: ptr[int64](120)},
				Unknown: []string{"stop_seen", "works"}, Works: []result.Work{{Function: "job [hello_mod]"}},
			},
			{Name: "kworker/0:1", PID: 20, Background: true},
		},
		Requests: []result.Request{
			{Name: "foo", By: result.Task{Comm: "modprobe", Site: "hello_init+0x1 [hello_mod]"}, Returned: ptr[int64](256),
				Helper: &result.Helper{Path: "/sbin/modprobe", Exit: ptr(1)}, Stages: result.RequestStages{Asked: ptr[int64](50)}},
			{Name: "bar", Stages: result.RequestStages{Asked: ptr[int64](60)}},
		},
		Signals: []result.Signal{
			{Signo: 10, Name: "SIGUSR1", To: result.Task{Comm: "k1", PID: 113}, Outcome: result.Consumed, SentNS: 400,
				ConsumedNS: ptr[int64](90_000_400), From: result.Task{Comm: "sender", Site: "send+0x4 [hello_mod]"}},
			{Signo: 10, Name: "SIGUSR1", To: result.Task{Comm: "k2", PID: 114}, Outcome: result.Unknown, SentNS: 500,
				Unknown: []string{"outcome", "consumed_ns"}},
		},
		Messages: []result.Message{{Text: "hello, world", Module: "hello_mod", AtNS: ptr[int64](10)}},
		Tests:    []result.Test{{Name: "try.sh", Outcome: result.TestPass}},
		Dropped:  result.Dropped{ByKind: map[string]uint64{"task_exited": 3}, Total: 3},
		Unknown:  map[string]string{"process_forked": "no hook"},
	}
	r.Normalize()
	return r
}

// holds are expectations that aStory fulfils.
var holds = []string{
	`threads.size() == 2 && everything.threads.size() == 3 && modules.size() == 1`,
	`threads.exists(t, t.stop_ret == 0) && threads.exists_one(t, t.stop_ret == null)`,
	`thread("k2").stop_ret == null && thread("k2").stopped_by == null && thread("k1").stopped_by != null`,
	`threads.all(t, t.stop_ret == null || t.stop_ret == 0)`,
	`threads.filter(t, t.stop_ret != null && t.stop_ret == 0).size() == 1`,
	`has(thread("k1").stop_ret) && !has(thread("k2").stop_ret) && !has(thread("k1").result)`,
	`has(thread("k1").stages_ns.exited) && !has(thread("k2").stages_ns.stop_asked)`,
	`!has(thread("k2").stopped_by.comm) && !has(thread("k2").stages_ns.stop_seen)`,
	`verdict.class == "pass" && signal("SIGUSR1", "k1").outcome == "consumed"`,
	`order(thread("k1").stages_ns.requested, thread("k1").stages_ns.stop_asked, thread("k1").stages_ns.exited)`,
	`!order(thread("k1").stages_ns.exited, thread("k1").stages_ns.stop_asked)`,
	`order(0, 0, 1) && order() && !order(thread("k2").stages_ns.stop_asked)`,
	`module("hello-mod").unloaded && module("hello_*").init_ms < 2 && module("hello-mod").init_ms > 1`,
	`threads.all(t, t.of("hello-mod")) && !threads.exists(t, t.of("mod"))`,
	`request("foo").of("hello_mod") && signal("SIG*", "k1").of("hello_mod") && messages[0].of("hello_mod")`,
	`thread("k1").stopped_by.of("hello_mod") && thread("k1").works[0].started_ns == null`,
	`printed("hello") && !printed("bye") && printed_like("^hel+o, w") && !printed_like("^world")`,
	`kernel >= version("6.1") && kernel < version("6.12") && kernel != version("5.10") && kernel == version("6.1")`,
	`thread("k2").result == -errno.ENOMEM && errno.EPROBE_DEFER == 517`,
	`us(2) == 2000 && ms(3) == 3000000 && ms(1.5) == 1500000 && seconds(1) == 1000000000`,
	`slow == 10 && jiffies(2) == 80000000 && test("try.sh").outcome == "pass"`,
	`dropped.total == 3 && dropped.by_kind["task_exited"] == 3 && "task_exited" in dropped.by_kind`,
	`witness == null && tests.all(t, t.start_ns == null)`,
	`request("foo").helper.exit == 1 && request("foo").helper.path.endsWith("modprobe")`,
	`0 in threads.map(t, t.stop_ret) && null in threads.map(t, t.stop_ret) && threads.map(t, t.stop_ret) == [0, null]`,
	`thread("k1").stops in [1, 2] && threads.map(t, t.name) == ["k1", "k2"]`,
	`threads.all(t, t.works.all(w, w.function == "job [hello_mod]")) && threads.all(t, t in everything.threads)`,
	`[thread("k1").stops, 3].exists(n, n == 3) && type(threads[0].stops) == int`,
	`signal("SIGUSR1", "k2").sent_ns == 500 && "outcome" in signal("SIGUSR1", "k2").unknown`,
}

func TestHolds(t *testing.T) {
	r := aStory()
	for _, text := range holds {
		if f := check(t, text, r); !f.Holds {
			t.Errorf("%s does not hold: %+v", text, f)
		}
	}
	if diff := cmp.Diff(aStory(), r); diff != "" {
		t.Errorf("the result has changed:\n%s", diff)
	}
}

func check(t *testing.T, text string, r *result.Result) Finding {
	t.Helper()
	e, err := Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	f := e.Check(r)
	if holds := e.Holds(r); holds != f.Holds {
		t.Errorf("%s: Holds gives %t, Check %t", text, holds, f.Holds)
	}
	return f
}

// TestFindings has expectations that aStory does not fulfil, and what is found instead.
func TestFindings(t *testing.T) {
	at := func(ns int64) *int64 { return &ns }
	for _, c := range []struct {
		text string
		want Finding
	}{
		{`threads.all(t, t.stops == 1)`, Finding{Found: []string{"thread k2[114]: stops is 0, not 1"}, AtNS: at(120)}},
		{`thread("k1").stops == 2 && modules.size() == 1`, Finding{Found: []string{`thread("k1").stops is 1, not 2`}}},
		{`threads.size() == 3 || 3 < modules.size()`, Finding{Found: []string{
			"threads.size() is 2, not 3", "modules.size() is 1, not above 3"}}},
		{`!threads.exists(t, t.stops == 1)`, Finding{Found: []string{"1 of 2 threads fulfil it: thread k1[113]"}}},
		{`!threads.all(t, t.pid > 100)`, Finding{Found: []string{"all 2 threads fulfil it"}}},
		{`!(modules.size() == 1)`, Finding{Found: []string{"modules.size() is 1"}}},
		{`threads.exists(t, t.stops == 4 && t.name == "k2")`, Finding{AtNS: at(120), Found: []string{
			"none of 2 threads fulfils it", "nearest, thread k2[114]: stops is 0, not 4",
			`nearest, thread k1[113]: stops is 1, not 4, name is "k1", not "k2"`}}},
		{`leaks.exists(l, l.kind == "timer")`, Finding{Found: []string{"leaks is empty"}}},
		{`threads.exists_one(t, t.pid > 100)`, Finding{Found: []string{
			"2 of 2 threads fulfil it: thread k1[113], thread k2[114]"}}},
		{`threads.filter(t, t.stops == 1).size() == 2`, Finding{AtNS: at(120), Found: []string{
			"threads.filter(t, t.stops == 1).size() is 1, not 2", "nearest, thread k2[114]: stops is 0, not 1"}}},
		{`threads.filter(t, t.pid > 0).size() < 2`, Finding{Found: []string{
			"threads.filter(t, t.pid > 0).size() is 2, not below 2", "these fulfil it: thread k1[113], thread k2[114]"}}},
		{`threads.all(t, t.works.all(w, w.function == "x"))`, Finding{AtNS: at(300), Found: []string{
			`thread k1[113]: works[0]: function is "job [hello_mod]", not "x"`,
			`thread k2[114]: works[0]: function is "job [hello_mod]", not "x"`}}},
		{`threads.all(t, t.alive)`, Finding{AtNS: at(300), Found: []string{
			"thread k1[113]: alive is false", "thread k2[114]: alive is false"}}},
		{`threads.all(t, t.name.startsWith("x") && t.of("y"))`, Finding{AtNS: at(300), Found: []string{
			`thread k1[113]: name.startsWith("x") is false; name is "k1"`, `thread k1[113]: of("y") is false`,
			`thread k2[114]: name.startsWith("x") is false; name is "k2"`, `thread k2[114]: of("y") is false`}}},
		{`signals.all(s, s.consumed_ns - s.sent_ns <= jiffies(2))`, Finding{AtNS: at(400), Found: []string{
			"signal SIGUSR1 to k1[113]: consumed_ns - sent_ns is 90 ms, not at most jiffies(2), which is 80 ms",
			"signal SIGUSR1 to k2[114]: consumed_ns is not recorded on this kernel"}}},
		{`kernel >= version("6.2")`, Finding{Found: []string{`kernel is 6.1, not at least version("6.2"), which is 6.2`}}},
		{`"k9" in threads.map(t, t.name)`, Finding{Found: []string{`threads.map(t, t.name) is ["k1", "k2"], without "k9"`}}},
		{`!("k1" in threads.map(t, t.name))`, Finding{Found: []string{`threads.map(t, t.name) is ["k1", "k2"], with "k1"`}}},
		{`threads.all(t, t.name in ["k1"])`, Finding{AtNS: at(120), Found: []string{
			`thread k2[114]: name is "k2", not in ["k1"]`}}},
		{`threads.all(t, t.stops == 0 ? t.alive : true)`, Finding{AtNS: at(120), Found: []string{
			"thread k2[114]: alive is false"}}},
		{`requests.all(q, q.helper == null)`, Finding{AtNS: at(50), Found: []string{
			"request of foo: helper is helper, not null"}}},
		{`threads.all(t, order(t.stages_ns.exited, t.stages_ns.stop_asked))`, Finding{AtNS: at(300), Found: []string{
			"thread k1[113]: stages_ns.stop_asked (0.2 µs) is before stages_ns.exited (0.3 µs)",
			"thread k2[114]: stages_ns.stop_asked was not seen"}}},
		// What is not there.
		{`thread("k9").stops == 1`, Finding{Found: []string{"there is no thread k9; threads has k1, k2"}}},
		{`!(thread("k9").stops == 1)`, Finding{Found: []string{"there is no thread k9; threads has k1, k2"}}},
		{`thread("k*").stops == 1`, Finding{Found: []string{"thread k* is not one, there are 2: thread k1[113], " +
			"thread k2[114]; look at each with threads.all(…) or exists(…)"}}},
		{`signal("SIGTERM", "k1").outcome == ""`, Finding{Found: []string{
			"there is no signal SIGTERM to k1; signals has SIGUSR1 to k1, SIGUSR1 to k2"}}},
		{`threads[7].name == "x"`, Finding{Found: []string{"threads[7].name has no value: index out of bounds: 7"}}},
		{`threads[0].pid / (modules.size() - 1) == 0`, Finding{Found: []string{
			"threads[0].pid / (modules.size() - 1) has no value: division by zero"}}},
		// What was not seen: neither this nor its contrary holds.
		{`thread("k2").stop_ret == 0`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`thread("k2").stop_ret != 0`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`!(0 == thread("k2").stop_ret)`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`thread("k2").stages_ns.stop_asked < ms(1)`, unseenFinding("stages_ns.stop_asked of thread k2[114] was not seen")},
		{`!(thread("k2").stop_ret in [0])`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`!(7 in threads.map(t, t.stop_ret))`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`threads.map(t, t.stop_ret) != [0, 7]`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`-thread("k2").stop_ret == 0`, unseenFinding("stop_ret of thread k2[114] was not seen")},
		{`thread("k2").stopped_by.comm != "x"`, unseenFinding("thread k2[114] has no stopped_by")},
		{`request("bar").returned + 1 > 0`, unseenFinding("returned of request of bar was not seen")},
		{`witness.modules == 0`, unseenFinding("there is no witness")},
		// What no hook recorded.
		{`thread("k2").stages_ns.stop_seen == null`,
			unrecordedFinding("stages_ns.stop_seen of thread k2[114] is not recorded on this kernel")},
		{`signal("SIGUSR1", "k2").outcome == "consumed"`,
			unrecordedFinding("outcome of signal SIGUSR1 to k2[114] is not recorded on this kernel")},
		{`thread("k2").works[0].started_ns == null`,
			unrecordedFinding("works[0].started_ns of thread k2[114] is not recorded on this kernel")},
		{`processes.size() == 0`, unrecordedFinding("processes are not recorded on this kernel: no hook")},
		{`everything.processes.size() == 0`, unrecordedFinding("processes are not recorded on this kernel: no hook")},
	} {
		if diff := cmp.Diff(c.want, check(t, c.text, aStory())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
}

func unseenFinding(why string) Finding { return Finding{Unknown: why, Found: []string{why}} }

func unrecordedFinding(why string) Finding {
	return Finding{Unknown: why, Unrecorded: true, Found: []string{why}}
}

// TestDecides makes sure that what is not known does not hide what is.
func TestDecides(t *testing.T) {
	r := aStory()
	f := check(t, `threads.all(t, t.stop_ret == 1)`, r)
	if f.Unknown != "" || len(f.Found) != 2 || !strings.Contains(f.Found[0], "stop_ret is 0, not 1") {
		t.Errorf("a thread that fails decides: %+v", f)
	}
	if f := check(t, `threads.exists(t, t.stop_ret == 1)`, r); f.Holds || f.Unknown == "" {
		t.Errorf("one that was not seen may be the one: %+v", f)
	}
	r.LogLost = 4
	if f := check(t, `!printed("bye")`, r); f.Holds || !f.Unrecorded || !strings.Contains(f.Unknown, "4 lines") {
		t.Errorf("a line that was lost may be the one: %+v", f)
	}
	if f := check(t, `printed("hello")`, r); !f.Holds {
		t.Errorf("%+v", f)
	}
	r.Machine.Kernel = "linux"
	if f := check(t, `kernel != version("6.1")`, r); f.Holds || f.Unknown == "" {
		t.Errorf("a kernel without a version: %+v", f)
	}
}

// TestCrashed makes sure that it is the thread's own fault, and not the kernel's, if it has no result.
func TestCrashed(t *testing.T) {
	r := aStory()
	r.Threads[1].Ending, r.Threads[1].Unknown = "crashed", []string{"result"}
	want := unseenFinding("thread k2[114] crashed, and has no result")
	if diff := cmp.Diff(want, check(t, `thread("k2").result == 0`, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Threads[1].Ending = "by-itself"
	want = unrecordedFinding("result of thread k2[114] is not recorded on this kernel")
	if diff := cmp.Diff(want, check(t, `thread("k2").result == 0`, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFoundIsBounded has many members, and text that acts on terminals.
func TestFoundIsBounded(t *testing.T) {
	r := crowd(500)
	f := check(t, `threads.all(t, t.stops == 2)`, r)
	if len(f.Found) != maxFound || f.Found[maxFound-1] != fmt.Sprintf("and %d more", 500-maxFound+1) {
		t.Errorf("%d sentences, the last %q", len(f.Found), f.Found[len(f.Found)-1])
	}
	for i := range r.Threads {
		r.Threads[i].Name = "\x1b[2J::error::" + strings.Repeat("\u202eü", 5000)
		r.Threads[i].Function = strings.Repeat("\n", 5000)
	}
	for _, text := range []string{
		`threads.all(t, t.function == "x")`, `thread("k1").stops == 1`, `threads.exists(t, t.stops == 2)`,
		`threads.map(t, t.function) == []`, `threads.exists_one(t, t.stops == 1)`,
	} {
		f := check(t, text, r)
		if all := strings.Join(f.Found, ""); strings.ContainsAny(all, "\x1b\n\u202e") || len(all) > 8000 || all == "" {
			t.Errorf("%s: not fit for a terminal, %d bytes: %.300q", text, len(all), all)
		}
	}
}

// TestCostIsBounded has expressions that would take for ever.
func TestCostIsBounded(t *testing.T) {
	r := crowd(2000)
	for range 2000 {
		r.Messages = append(r.Messages, result.Message{Text: strings.Repeat("a", 2000)})
	}
	for _, text := range []string{
		`threads.all(a, threads.all(b, threads.all(c, threads.all(d, a.pid + b.pid + c.pid + d.pid > 0))))`,
		`threads.all(a, !printed_like("(a*)*b"))`,
		`threads.all(a, thread("k" + string(a.pid - 100)).pid == a.pid)`,
		`threads.map(a, threads.map(b, threads.map(c, c.pid))).size() > 0`,
	} {
		f := check(t, text, r)
		if f.Holds || !strings.Contains(f.Unknown, "2000000 steps") {
			t.Errorf("%s: %+v", text, f)
		}
	}
}

// TestPatternIsBounded has a pattern that is large once it is compiled.
func TestPatternIsBounded(t *testing.T) {
	for _, text := range []string{
		`threads.exists(t, t.name.matches("((a{9}){9}){12}z"))`,
		`threads.exists(t, t.name.matches("((a{9}){9}){12}z" + t.name))`,
		`threads.exists(t, t.name.matches("(" + t.name))`,
	} {
		e, err := Compile(text)
		if err != nil {
			if s := new(Slip); !errors.As(err, &s) {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if f := e.Check(aStory()); f.Holds || !strings.Contains(strings.Join(f.Found, ""), "has no value") {
			t.Errorf("%s: %+v", text, f)
		}
	}
}

// TestShared checks one expectation in many goroutines.
func TestShared(t *testing.T) {
	e, err := Compile(`threads.all(t, t.stops == 1) && kernel >= version("6.1")`)
	if err != nil {
		t.Fatal(err)
	}
	want := e.Check(aStory())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				if diff := cmp.Diff(want, e.Check(aStory())); diff != "" {
					t.Errorf("another finding:\n%s", diff)
				}
				if _, err := Compile(`threads.all(t, t.stopps == 1)`); err == nil {
					t.Error("no slip")
				}
			}
		})
	}
	group.Wait()
}

// TestSlow holds the factor to the one that deadlines have.
func TestSlow(t *testing.T) {
	for _, accel := range []vm.Accel{vm.KVM, vm.TCG} {
		r := &result.Result{Machine: result.Machine{Accel: string(accel)}}
		if slow := slowdown(r); int(slow) != vm.DeadlineScale(accel) {
			t.Errorf("%s: %d, deadlines have %d", accel, slow, vm.DeadlineScale(accel))
		}
	}
}
