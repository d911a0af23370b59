// SPDX-License-Identifier: MIT

package grade

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// class has four students: one of example, one with all points, one whose sources do not build, one without a grade.
func class(t testing.TB) *Book {
	t.Helper()
	best, unbuilt, fault := example(), example(), example()
	best.Student, best.Seconds = "grace", 9
	unbuilt.Student, unbuilt.Build = "linus", []string{"stop.c:3: error: expected ';'"}
	fault.Student, fault.Fault, fault.Checks = "alan", "QEMU was killed", nil
	fault.Points = 0
	for i := range best.Checks {
		best.Checks[i].Status, best.Checks[i].Points = Passed, best.Checks[i].Max
		unbuilt.Checks[i].Status, unbuilt.Checks[i].Points = Skipped, 0
	}
	best.Sum()
	unbuilt.Sum()
	b, err := NewBook([]Grade{*best, *unbuilt, *fault, *example()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBook(t *testing.T) {
	b := class(t)
	var names []string
	for _, g := range b.Grades {
		names = append(names, g.Student)
	}
	if diff := cmp.Diff([]string{"ada", "alan", "grace", "linus"}, names); diff != "" {
		t.Error(diff)
	}
	var text bytes.Buffer
	if err := b.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	again, err := ReadBookJSON(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, again); diff != "" {
		t.Error(diff)
	}
	for name, tt := range map[string]struct {
		spoil func(g *Grade)
		want  string
	}{
		"lab":        {func(g *Grade) { g.Lab = "other" }, "grade each lab by itself"},
		"twice":      {func(g *Grade) { g.Student = "grace" }, "there twice"},
		"checks":     {func(g *Grade) { g.Checks = g.Checks[:2]; g.Sum() }, "different checks"},
		"visibility": {func(g *Grade) { g.Checks[0].Visibility = Hidden }, "different checks"},
		"points":     {func(g *Grade) { g.Points = 99 }, `grade of "ada"`},
	} {
		bad := class(t)
		tt.spoil(&bad.Grades[0])
		if _, err := NewBook(bad.Grades); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if empty, err := NewBook(nil); err != nil || empty.Stats().Graded != 0 || empty.Distribution(3) != nil {
		t.Error("an empty class:", err)
	}
}

func TestStats(t *testing.T) {
	b := class(t)
	want := Stats{Submissions: 4, Graded: 3, Faults: 1, Unbuilt: 1, Lowest: 0, Highest: 10, Mean: 4.83, Median: 4.5,
		Deviation: 4.09, Seconds: 12.75}
	if diff := cmp.Diff(want, b.Stats()); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(b.Distribution(4)); got != "[{0 2.5 1} {2.5 5 1} {5 7.5 0} {7.5 10 1}]" {
		t.Error(got)
	}
	checks := b.ByCheck()
	once := CheckStats{ID: "stops-once", Title: "the thread stops once", Visibility: Visible, Max: 3, Mean: 1.5, Passed: 1,
		Partial: 1, Skipped: 1}
	if diff := cmp.Diff(once, checks[1]); diff != "" {
		t.Error(diff)
	}
	if slow := b.Slowest(1); len(slow) != 1 || slow[0].Student != "grace" {
		t.Error("the slowest is another")
	}
}
