// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
)

// example has a check of each status and each visibility. Whatever students must not see says secret.
func example() *grade.Grade {
	g := &grade.Grade{
		Lab: "stop", LabTitle: "A thread's life", Student: "Ada Lovelace", Submission: "f00d",
		Kernels: []string{"6.12.90"}, Graded: "2026-11-30T13:00:00+01:00", Seconds: 1.25,
		Checks: []grade.Check{
			{ID: "builds", Title: "the module builds", Status: grade.Passed, Points: 1, Max: 1, Visibility: grade.Visible},
			{ID: "stops-once", Title: "the thread stops once", Status: grade.Partial, Points: 1.5, Max: 3,
				Visibility: grade.Visible, Say: []string{"It stopped twice.\nOnce is enough."}, Hint: "look at exit",
				File: "stop.c", Line: 12},
			{ID: "no-leak", Title: "secret: nothing leaks", Status: grade.Passed, Points: 1, Max: 1, Visibility: grade.Hidden,
				Say: []string{"secret"}, Hint: "secret", File: "secret.c", Scenario: "secret"},
			{ID: "signals", Title: "the signal arrives", Status: grade.Skipped, Max: 2, Visibility: grade.Visible,
				Needs: []string{"no-leak"}, Say: []string{"secret: needs no-leak"}, Hint: "secret"},
			{ID: "twice", Title: "secret: it loads twice", Status: grade.Failed, Max: 2, Visibility: grade.AfterDue,
				Say: []string{"secret"}},
			{ID: "irq", Title: "no sleep under a lock", Status: grade.Unknown, Max: 1, Visibility: grade.Visible,
				Say: []string{"The trace does not tell."}},
		},
	}
	g.Sum()
	return g
}

var vars = map[string]string{
	"CLASSROOM": "os-2026", "ASSIGNMENT": "stop", "SUBMISSION_TAG": "submit/20261130T120000Z-f00d",
	"COMMIT_URL": "https://g/c", "RELEASE_URL": "https://g/r",
}

func written(t testing.TB, name string, g *grade.Grade, env Env) []byte {
	t.Helper()
	target, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := target.Write(&b, g, env); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGradescope(t *testing.T) {
	r, err := acceptGradescope(written(t, "gradescope", example(), Env{}))
	if err != nil {
		t.Fatal(err)
	}
	if *r.Score != 3.5 || r.ExecutionTime != 1.25 || len(r.Tests) != 6 {
		t.Errorf("score %v, %v s, %d tests", *r.Score, r.ExecutionTime, len(r.Tests))
	}
	var got []string
	for i, test := range r.Tests {
		got = append(got, fmt.Sprintf("%s %v/%v %s %s", test.Name, *test.Score, *test.MaxScore, test.Status,
			test.Visibility))
		if test.Visibility == "visible" && strings.Contains(test.Output, "secret") {
			t.Errorf("test %d tells a secret: %q", i, test.Output)
		}
	}
	want := []string{
		"the module builds 1/1 passed visible", "the thread stops once 1.5/3 failed visible",
		"secret: nothing leaks 1/1 passed hidden", "the signal arrives 0/2 failed visible",
		"secret: it loads twice 0/2 failed after_due_date", "no sleep under a lock 0/1 failed visible",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want := "partial\nIt stopped twice.\nOnce is enough.\nat stop.c:12\nhint: look at exit"; r.Tests[1].Output != want {
		t.Errorf("%q, want %q", r.Tests[1].Output, want)
	}
}

func TestClassroom(t *testing.T) {
	data := written(t, "classroom50", example(), Env{Vars: vars})
	r, err := acceptClassroom(data, vars)
	if err != nil {
		t.Fatal(err)
	}
	if r.Score != "350" || r.MaxScore != "1000" || r.Datetime != "2026-11-30T12:00:00Z" || r.Review != "https://g/c" {
		t.Errorf("%s of %s, %s, review %s", r.Score, r.MaxScore, r.Datetime, r.Review)
	}
	var sum float64
	for _, test := range r.Tests {
		sum += test["score"].(float64)
	}
	if sum != 350 || r.Tests[len(r.Tests)-1]["test-name"] != "hidden checks" {
		t.Errorf("the tests have %v: %v", sum, r.Tests)
	}
	for _, name := range []string{"CLASSROOM", "SUBMISSION_TAG", "RELEASE_URL"} {
		env := map[string]string{}
		for k, v := range vars {
			env[k] = v
		}
		env[name] = " "
		target, _ := Find("classroom50")
		err := target.Write(&bytes.Buffer{}, example(), Env{Vars: env})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestPrairieLearn(t *testing.T) {
	r, err := acceptPrairie(written(t, "prairielearn", example(), Env{}))
	if err != nil {
		t.Fatal(err)
	}
	var points, limit float64
	for _, test := range r.Tests {
		points += *test.Points
		limit += *test.MaxPoints
	}
	if *r.Score != 0.35 || points != 3.5 || limit != 10 { // PrairieLearn shows both
		t.Errorf("score %v, the tests have %v of %v", *r.Score, points, limit)
	}
	g := example()
	g.Build = []string{"stop.c:3:1: error: expected ';'\n    3 | }\n      | ^"} // the blanks show the column
	r, err = acceptPrairie(written(t, "prairielearn", g, Env{}))
	if err != nil || *r.Gradable || len(r.FormatErrors) != 1 || r.Output != g.Build[0] {
		t.Errorf("sources that do not build: %+v, %v", r, err)
	}
	for in, want := range map[float64]float64{0: 0, 3: 1, 2.99: 0.9966, 1: 0.3333} {
		if got := fraction(in, 3); got != want {
			t.Errorf("%v of 3 is %v, want %v", in, got, want)
		}
	}
}

func TestVPL(t *testing.T) {
	r := acceptVPL(written(t, "vpl", example(), Env{}))
	want := vplResult{grade: "3.5", titles: []string{
		"the module builds: passed, 1 of 1 point", "the thread stops once: partial, 1.5 of 3 points",
		"the signal arrives: skipped, 0 of 2 points", "no sleep under a lock: unknown, 0 of 1 point",
		"hidden checks: partial, 1 of 3 points",
	}}
	if diff := cmp.Diff(want, r, cmp.AllowUnexported(vplResult{})); diff != "" {
		t.Error(diff)
	}
	scaled := Env{Vars: map[string]string{"VPL_GRADEMAX": "20"}}
	if r := acceptVPL(written(t, "vpl", example(), scaled)); r.grade != "7" {
		t.Errorf("of 20 points: %q", r.grade)
	}
	scaled.Vars["VPL_GRADEMIN"] = "10"
	if r := acceptVPL(written(t, "vpl", example(), scaled)); r.grade != "10" {
		t.Errorf("of 10 to 20 points: %q", r.grade)
	}
	target, _ := Find("vpl")
	if err := target.Write(&bytes.Buffer{}, example(), Env{Vars: map[string]string{"VPL_GRADEMAX": "A"}}); err == nil {
		t.Error("a scale of letters was taken")
	}
	if r := acceptVPL(written(t, "vpl", example(), Env{Due: true})); len(r.titles) != 6 {
		t.Errorf("after the due date: %q", r.titles)
	}
}

func TestAutolab(t *testing.T) {
	for _, due := range []bool{false, true} {
		scores, err := acceptAutolab(written(t, "autolab", example(), Env{Due: due}))
		want := map[string]float64{"builds": 1, "stops-once": 1.5, "signals": 0, "irq": 0, "hidden checks": 1}
		if diff := cmp.Diff(want, scores); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
}

func TestKTAP(t *testing.T) {
	for name, g := range states() {
		parsed := foreign.KTAP(t, written(t, "ktap", g, Env{}))
		want := []string{"SUCCESS", "FAILURE", "SKIPPED", "FAILURE", "FAILURE"}
		if name == "fault" {
			want = []string{"FAILURE"}
		}
		var got []string
		for _, test := range parsed.Tests {
			got = append(got, test.Status)
		}
		if diff := cmp.Diff(want, got); diff != "" || parsed.Errors != 0 {
			t.Error(name, diff, parsed.Errors)
		}
	}
}

func TestJUnit(t *testing.T) {
	for name, g := range states() {
		data := written(t, "junit", g, Env{})
		foreign.JUnit(t, data)
		var r junit.Suites
		if err := xml.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		s := r.Suites[0]
		want := []int{5, 3, 0, 1}
		if name == "fault" {
			want = []int{1, 0, 1, 0}
		}
		if got := []int{s.Tests, s.Failures, s.Errors, s.Skipped}; !slices.Equal(got, want) || len(s.Cases) != s.Tests {
			t.Errorf("%s: %v, want %v, in %d cases", name, got, want, len(s.Cases))
		}
	}
	var b bytes.Buffer
	target, _ := Find("junit")
	if err := target.WriteBook(&b, class(t)); err != nil {
		t.Fatal(err)
	}
	foreign.JUnit(t, b.Bytes())
	if n := strings.Count(b.String(), "<testsuite "); n != 2 {
		t.Errorf("%d suites for 2 students", n)
	}
}

// states are a grade, one of sources that do not build, and none.
func states() map[string]*grade.Grade {
	unbuilt, fault := example(), example()
	unbuilt.Build = []string{"stop.c:3:1: error: expected ';'\n    3 | }\n      | ^"}
	fault.Fault = "secret: QEMU was killed"
	fault.Sum()
	return map[string]*grade.Grade{"graded": example(), "unbuilt": unbuilt, "fault": fault}
}

func class(t testing.TB) *grade.Book {
	t.Helper()
	fault := states()["fault"]
	fault.Student = "=HYPERLINK(\"http://x\")"
	b, err := grade.NewBook([]grade.Grade{*example(), *fault})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	target, _ := Find("csv")
	if err := target.WriteBook(&b, class(t)); err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"student", "submission", "points", "max", "built", "fault", "builds", "stops-once", "no-leak", "signals", "twice",
			"irq"},
		{`'=HYPERLINK("http://x")`, "f00d", "", "10", "", "secret: QEMU was killed", "", "", "", "", "", ""},
		{"Ada Lovelace", "f00d", "3.5", "10", "yes", "", "1", "1.5", "1", "0", "0", "0"},
	}
	if diff := cmp.Diff(want, acceptCSV(t, b.Bytes())); diff != "" {
		t.Error(diff)
	}
	for in, want := range map[string]string{
		"a; =1": "a; '=1", "-": "'-", "＝1": "'＝1", " \t@x": "'@x", "x-y": "x-y", `"+1`: `"'+1`, "a,b": "a,b",
		"\r=1": "'=1", "a\r=1": `a\x0d=1`,
	} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestSecrets: in whatever is written for a student, there is no word of what is hidden or of why the machine failed.
// Gradescope gets everything, and hides it.
func TestSecrets(t *testing.T) {
	for _, target := range Targets() {
		if !target.OfGrade() || target.Name == "gradescope" {
			continue
		}
		for name, g := range states() {
			var b bytes.Buffer
			err := target.Write(&b, g, Env{Vars: vars})
			var not *NotGradedError
			if errors.As(err, &not) && name == "fault" && b.Len() == 0 {
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", target.Name, name, err)
			}
			if text := b.String(); strings.Contains(text, "secret") || strings.Contains(text, "no-leak") {
				t.Errorf("%s, %s tells a secret:\n%s", target.Name, name, text)
			}
			if name == "unbuilt" && !strings.Contains(b.String(), "stop.c:3:1: error: expected ';'") &&
				target.Name != "junit" { // which has an entity there
				t.Errorf("%s does not say why the sources do not build:\n%s", target.Name, b.String())
			}
		}
	}
}

// TestFault: a submission that could not be graded gets no grade anywhere.
func TestFault(t *testing.T) {
	g := states()["fault"]
	for _, name := range []string{"gradescope", "classroom50"} {
		target, _ := Find(name)
		var b bytes.Buffer
		var not *NotGradedError
		if err := target.Write(&b, g, Env{Vars: vars}); !errors.As(err, &not) || b.Len() != 0 {
			t.Errorf("%s: %v, %q", name, err, b.String())
		}
	}
	if r := acceptVPL(written(t, "vpl", g, Env{})); r.grade != "" || len(r.titles) != 1 {
		t.Errorf("vpl: %+v", r)
	}
	if scores, err := acceptAutolab(written(t, "autolab", g, Env{})); err == nil {
		t.Errorf("autolab: %v", scores)
	}
	if r, err := acceptPrairie(written(t, "prairielearn", g, Env{})); err != nil || *r.Gradable {
		t.Errorf("prairielearn: %+v, %v", r, err)
	}
}

func TestTargets(t *testing.T) {
	if _, err := Find("blackboard"); err == nil || !strings.Contains(err.Error(), "gradescope, classroom50") {
		t.Error(err)
	}
	bad := example()
	bad.Points = 99
	for _, target := range Targets() {
		if target.For == "" || target.Hidden == "" || target.Points == "" || target.Unbuilt == "" || target.Fault == "" ||
			target.Checked == "" {
			t.Errorf("%s does not say all of itself", target.Name)
		}
		if target.OfGrade() {
			if err := target.Write(&bytes.Buffer{}, bad, Env{Vars: vars}); err == nil {
				t.Errorf("%s writes points that do not add up", target.Name)
			}
		} else if err := target.Write(&bytes.Buffer{}, example(), Env{}); err == nil {
			t.Errorf("%s is for a class, and writes one grade", target.Name)
		}
		if !target.OfClass() {
			if err := target.WriteBook(&bytes.Buffer{}, class(t)); err == nil {
				t.Errorf("%s is for one grade, and writes a class", target.Name)
			}
		}
	}
}
