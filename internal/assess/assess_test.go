// SPDX-License-Identifier: MIT

package assess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/result"
)

func lab(checks ...course.Check) *course.Lab {
	builds := course.Check{ID: course.Builds, Title: "The sources build.", Visibility: course.Visible, Points: 1}
	for i := range checks {
		if checks[i].Scenarios == nil {
			checks[i].Scenarios = []string{"plain"}
		}
		checks[i].Visibility = course.Visible
	}
	return &course.Lab{Name: "l", Title: "L", Checks: append([]course.Check{builds}, checks...)}
}

func stopped(times int) *result.Result {
	return &result.Result{
		Verdict: result.Verdict{Class: result.Pass},
		Threads: []result.Thread{{Name: "k1", PID: 7, Stops: times}},
	}
}

func verdictOf(class result.Class, message string) *result.Result {
	return &result.Result{Verdict: result.Verdict{Class: class, Message: message}}
}

func TestGrade(t *testing.T) {
	once := course.Check{ID: "once", Points: 4, Check: []string{"threads.size() == 1", "threads.all(t, t.stops == 1)"},
		Partial: []course.Partial{{Points: 1, Check: []string{"threads.exists(t, t.stops > 1)"}}}, Hint: "look there"}
	after := course.Check{ID: "after", Points: 2, Check: []string{"verdict.class == 'pass'"}, Needs: []string{"once"}}
	unbuilt := []grade.Status{grade.Failed, grade.Skipped, grade.Skipped}
	failed := []grade.Status{grade.Passed, grade.Failed, grade.Skipped}
	for name, test := range map[string]struct {
		r      *result.Result
		want   []grade.Status
		points float64
		say    string // in the sentences of once
	}{
		"right":        {stopped(1), []grade.Status{grade.Passed, grade.Passed, grade.Passed}, 7, ""},
		"twice":        {stopped(2), []grade.Status{grade.Passed, grade.Partial, grade.Skipped}, 2, "plain: "},
		"never":        {stopped(0), []grade.Status{grade.Passed, grade.Failed, grade.Skipped}, 1, "stops is 0, not 1"},
		"no build":     {verdictOf(result.Build, "x.c:1: no"), unbuilt, 0, "builds"},
		"a guest lies": {withThreads(result.Lost), failed, 1, "does not count: it lies"},
		"oops":         {verdictOf(result.Oops, "BUG: x"), failed, 1, "the verdict is oops: BUG: x"},
	} {
		a, err := New(lab(once, after))
		if err != nil {
			t.Fatal(err)
		}
		g := a.Grade("debian:bookworm", Runs{"plain": test.r})
		var got []grade.Status
		for _, c := range g.Checks {
			got = append(got, c.Status)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || g.Points != test.points || g.Max != 7 || g.Fault != "" {
			t.Errorf("%s: %v of %v, fault %q (-want +got):\n%s", name, g.Points, g.Max, g.Fault, diff)
		}
		if said := strings.Join(g.Checks[1].Say, "; "); !strings.Contains(said, test.say) {
			t.Errorf("%s: said %q, want %q", name, said, test.say)
		}
		if err := g.Valid(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withThreads would fulfil the check if anybody believed it.
func withThreads(class result.Class) *result.Result {
	r := stopped(1)
	r.Verdict = result.Verdict{Class: class, Message: "it lies"}
	return r
}

// TestFault: what this machine could not do costs nobody a point, and gives nobody one.
func TestFault(t *testing.T) {
	one := course.Check{ID: "c", Points: 3, Check: []string{"threads.size() == 1"}, Scenarios: []string{"a", "b"}}
	a, err := New(lab(one))
	if err != nil {
		t.Fatal(err)
	}
	g := a.Grade("k", Runs{"a": stopped(1), "b": verdictOf(result.Host, "no QEMU")})
	if g.Fault != "the scenario b could not be run: no QEMU" || g.Points != 0 || g.Max != 4 {
		t.Errorf("%+v", g)
	}
	if err := g.Valid(); err != nil {
		t.Error(err)
	}
}

// TestUnknown: what nothing on a kernel records is neither passed nor failed.
func TestUnknown(t *testing.T) {
	a, err := New(lab(course.Check{ID: "c", Points: 3, Check: []string{"threads.all(t, t.stops == 1)"}}))
	if err != nil {
		t.Fatal(err)
	}
	r := stopped(1)
	r.Threads[0].Unknown = []string{"stops"}
	g := a.Grade("k", Runs{"plain": r})
	if c := g.Checks[1]; c.Status != grade.Unknown || len(c.Say) == 0 || g.Points != 1 {
		t.Errorf("%+v", c)
	}
	r.Verdict = result.Verdict{Class: result.Lockup, Message: "CPU 0 is stuck"}
	g = a.Grade("k", Runs{"plain": r})
	c := g.Checks[1]
	if c.Status != grade.Failed || !strings.Contains(c.Say[0], "lockup: CPU 0 is stuck") || g.Points != 1 {
		t.Errorf("what the module itself cut short: %+v", c)
	}
	r.Verdict = result.Verdict{Class: result.Oops, Message: "int3 in work"}
	r.Crashes = []result.Crash{{Class: result.Oops}, {Class: result.Panic}}
	if g = a.Grade("k", Runs{"plain": r}); g.Checks[1].Status != grade.Failed {
		t.Errorf("an oops that ended in a panic: %+v", g.Checks[1])
	}
}

// TestKernels: a check that is not for a kernel is no part of the grade there.
func TestKernels(t *testing.T) {
	a, err := New(lab(course.Check{ID: "c", Points: 3, Check: []string{"true"}, Kernels: []string{"debian:trixie"}}))
	if err != nil {
		t.Fatal(err)
	}
	for kernel, want := range map[string]float64{"debian:trixie": 4, "debian:bookworm": 1} {
		if g := a.Grade(kernel, Runs{"plain": stopped(1)}); g.Points != want || g.Max != want {
			t.Errorf("%s: %v of %v, want %v", kernel, g.Points, g.Max, want)
		}
	}
}

func right(scenarios ...string) Runs {
	runs := Runs{}
	for _, name := range scenarios {
		runs[name] = stopped(1)
	}
	return runs
}

// TestWhere: a check that failed names the line of the story, and the line of the sources that it comes from.
func TestWhere(t *testing.T) {
	a, err := New(lab(course.Check{ID: "c", Points: 1, Check: []string{"threads.all(t, t.stops == 1)"}, File: "other.c"}))
	if err != nil {
		t.Fatal(err)
	}
	ns := int64(5_000_000)
	r := stopped(2)
	r.Threads[0].Name, r.Threads[0].PID, r.Threads[0].Stages.StopAsked = "worker", 7, &ns
	r.Threads[0].StopCalls = []result.Stop{{By: result.Task{Comm: "rmmod", PID: 8, Site: "f+0x1 [m]"}, AskedNS: ns}}
	r.Sources = map[string]result.Source{"f+0x1 [m]": {File: "m.c", Line: 12}}
	c := a.Grade("k", Runs{"plain": r}).Checks[1]
	const want = "at 5 ms rmmod[8]: kthread_stop(worker), did not return, in f+0x1 [m]"
	if c.Story != want || c.File != "m.c" || c.Line != 12 {
		t.Errorf("%+v", c)
	}
	guilty := 0
	r.Crashes = []result.Crash{{Class: result.Oops, Guilty: &guilty, Frames: []result.Frame{{File: "n.c", Line: 3}}}}
	if c = a.Grade("k", Runs{"plain": r}).Checks[1]; c.File != "n.c" || c.Line != 3 {
		t.Errorf("the kernel named a place, and the check says %s:%d", c.File, c.Line)
	}
}

// TestNext: what no check asks for any more is not run.
func TestNext(t *testing.T) {
	l := lab(
		course.Check{ID: "once", Points: 1, Check: []string{"threads.all(t, t.stops == 1)"}, Scenarios: []string{"plain"}},
		course.Check{ID: "often", Points: 1, Check: []string{"true"}, Scenarios: []string{"rounds"}, Needs: []string{"once"}},
		course.Check{ID: "after", Points: 1, Check: []string{"true"}, Scenarios: []string{"late"}, Needs: []string{"often"}},
		course.Check{ID: "other", Points: 1, Check: []string{"true"}, Scenarios: []string{"plain", "world"}},
		course.Check{ID: "new", Points: 1, Check: []string{"true"}, Scenarios: []string{"new"}, Kernels: []string{"k2"}},
	)
	for _, name := range []string{"plain", "rounds", "late", "world", "new", "nobody's"} {
		l.Scenarios = append(l.Scenarios, course.Scenario{Name: name})
	}
	l.Scenarios = append(l.Scenarios, course.Scenario{Name: "k3's", Kernels: []string{"k3"}})
	a, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	unbuilt := verdictOf(result.Build, "x.c:1: no")
	for name, test := range map[string]struct {
		kernel string
		runs   Runs
		want   []string
	}{
		"the first":         {"k", Runs{}, []string{"plain"}},
		"it does not build": {"k", Runs{"plain": unbuilt}, nil},
		"right":             {"k", Runs{"plain": stopped(1)}, []string{"rounds", "world"}},
		"wrong":             {"k", Runs{"plain": stopped(2)}, []string{"world"}},
		"right so far":      {"k", right("plain", "rounds", "world"), []string{"late"}},
		"wrong at last":     {"k", Runs{"plain": stopped(0), "world": stopped(1)}, nil},
		"all":               {"k", right("plain", "rounds", "world", "late"), nil},
		"another kernel":    {"k2", Runs{"plain": stopped(2)}, []string{"world", "new"}},
	} {
		if diff := cmp.Diff(test.want, a.Next(test.kernel, test.runs), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
