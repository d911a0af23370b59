// SPDX-License-Identifier: MIT

package grading

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
)

func silent(Told) {}

// TestAgain: a changed check is checked against what the runs found out, and nothing else of a grade changes.
func TestAgain(t *testing.T) {
	lab, s := testLab(), testStore(t)
	g := testGrader(t, lab)
	put(t, g, s, "ada", 0, nil)
	put(t, g, s, "bob", -12, nil)
	put(t, g, s, "other", 0, func(g *grade.Grade) { g.Lab = "another" })
	cid := &grade.Grade{Lab: lab.Name, Student: "cid", Fault: "it is no archive", Max: 3}
	if err := s.Save(cid, nil, key{}); err != nil {
		t.Fatal(err)
	}
	points := func() map[string]float64 {
		t.Helper()
		grades, err := testGrader(t, lab).Again(context.Background(), s, silent)
		if err != nil {
			t.Fatal(err)
		}
		of := make(map[string]float64)
		for _, g := range grades {
			if of[g.Student] = g.Points; g.Fault != "" {
				of[g.Student] = -1
			}
		}
		return of
	}
	if got := points(); len(got) != 3 || got["ada"] != 3 || got["bob"] != 1 || got["cid"] != -1 {
		t.Errorf("the same lab: %v", got)
	}
	lab.Checks[1].Check = []string{"modules.all(m, m.init_ret == -12)"}
	lab.Checks[1].Points = 5
	if got := points(); got["ada"] != 1 || got["bob"] != 6 {
		t.Errorf("another check: %v", got)
	}
	if kept, err := s.Kept("bob", testGrader(t, lab).key("-12")); err != nil || kept == nil || kept.Points != 6 {
		t.Errorf("it is not kept: %+v, %v", kept, err)
	}
	if kept, err := s.stored(s.folder("bob"), true); err != nil || kept.Runs["load"] == nil {
		t.Errorf("the runs are gone: %v", err)
	}
}

// TestAgainOther: what was not run then is not known, and what runs otherwise now does not count as graded.
func TestAgainOther(t *testing.T) {
	lab, s := testLab(), testStore(t)
	put(t, testGrader(t, lab), s, "ada", 0, nil)
	var notes []string
	again := func() grade.Grade {
		t.Helper()
		notes = nil
		grades, err := testGrader(t, lab).Again(context.Background(), s, func(t Told) { notes = append(notes, t.Notes...) })
		if err != nil || len(grades) != 1 {
			t.Fatal(grades, err)
		}
		return grades[0]
	}
	lab.Scenarios[0].Repeat = 5
	if again(); len(notes) != 1 || !strings.Contains(notes[0], "have changed") {
		t.Errorf("other runs: %q", notes)
	}
	if kept, err := s.Kept("ada", testGrader(t, lab).key("0")); err != nil || kept != nil {
		t.Errorf("it counts as graded: %+v, %v", kept, err)
	}
	lab.Scenarios = append(lab.Scenarios, course.Scenario{Name: "later"})
	lab.Checks = append(lab.Checks, course.Check{
		ID: "later", Title: "Later.", Points: 1, Check: []string{"true"}, Scenarios: []string{"later"},
		Visibility: course.Visible,
	})
	if g := again(); !strings.Contains(g.Fault, "there is no run of later") {
		t.Errorf("a scenario that did not run: %+v", g)
	}
}

// TestRecordedNames: a recording must have the name of a scenario, and be one.
func TestRecordedNames(t *testing.T) {
	dir, g := t.TempDir(), testGrader(t, testLab())
	for name, want := range map[string]string{
		"other.kmlab":     "lab small has no scenario \"other\": a recording has the name of one of load",
		"load.kmlab":      "recording",
		"none/load.kmlab": "no such file",
	} {
		path := filepath.Join(dir, name)
		if !strings.HasPrefix(name, "none") {
			if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := g.Recorded(context.Background(), []string{path}, testStore(t), silent)
		var bad *RecordedError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
