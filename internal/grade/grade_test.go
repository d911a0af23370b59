// SPDX-License-Identifier: MIT

package grade

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a grade of which each check ended differently.
func example() *Grade {
	g := &Grade{
		Schema: Schema, Lab: "stop", LabTitle: "A thread's life", Student: "ada", Submission: "f00d",
		Kernels: []string{"6.12.90"}, Graded: "2026-11-30T12:00:00Z", Seconds: 1.25, Build: []string{},
		Shape: "5ba9e", Crashes: []Crash{{Class: "oops", Place: "stop.c:12", Message: "BUG: NULL", Scenario: "plain"}},
		Checks: []Check{
			{ID: "builds", Title: "the module builds", Status: Passed, Points: 1, Max: 1, Visibility: Visible,
				Needs: []string{}, Say: []string{}},
			{ID: "stops-once", Title: "the thread stops once", Status: Partial, Points: 1.5, Max: 3, Visibility: Visible,
				Needs: []string{"builds"}, Say: []string{"It stopped twice.", "Once is enough."}, Hint: "look at exit",
				File: "stop.c", Line: 12, Scenario: "plain"},
			{ID: "no-leak", Title: "nothing leaks", Status: Failed, Max: 2, Visibility: Hidden, Needs: []string{},
				Say: []string{"secret: 64 bytes"}, Hint: "secret hint"},
			{ID: "signals", Title: "the signal arrives", Status: Skipped, Max: 2, Visibility: Visible,
				Needs: []string{"no-leak", "builds"}, Say: []string{"skipped: no-leak did not pass"}},
			{ID: "twice", Title: "it loads twice", Status: Passed, Points: 2, Max: 2, Visibility: AfterDue, Needs: []string{},
				Say: []string{"later"}},
		},
	}
	g.Sum()
	return g
}

func TestValid(t *testing.T) {
	if err := example().Valid(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		spoil func(g *Grade)
		want  string
	}{
		"no lab":      {func(g *Grade) { g.Lab = "" }, "names no lab"},
		"no checks":   {func(g *Grade) { g.Checks = nil; g.Sum() }, "has no checks"},
		"time":        {func(g *Grade) { g.Graded = "yesterday" }, "want a time"},
		"shape":       {func(g *Grade) { g.Shape = "a b" }, "want a fingerprint"},
		"seconds":     {func(g *Grade) { g.Seconds = math.NaN() }, "want a number"},
		"sum":         {func(g *Grade) { g.Points = 5 }, "do not add up"},
		"max":         {func(g *Grade) { g.Max = 11 }, "do not add up"},
		"id":          {func(g *Grade) { g.Checks[0].ID = "a b" }, "want an ID"},
		"first":       {func(g *Grade) { g.Checks[0].ID = "-a" }, "want an ID"},
		"twice":       {func(g *Grade) { g.Checks[4].ID = "builds" }, "there twice"},
		"needs":       {func(g *Grade) { g.Checks[0].Needs = []string{"x"} }, "no check"},
		"visibility":  {func(g *Grade) { g.Checks[0].Visibility = "secret" }, "visibility"},
		"status":      {func(g *Grade) { g.Checks[0].Status = "ok" }, "status is"},
		"unfit":       {func(g *Grade) { g.Checks[0].Status = Failed }, "not what failed means"},
		"passed":      {func(g *Grade) { g.Checks[1].Status = Passed }, "not what passed means"},
		"above":       {func(g *Grade) { g.Checks[1].Points = 4 }, "4 of 3 points"},
		"below":       {func(g *Grade) { g.Checks[1].Points = -1 }, "-1 of 3 points"},
		"NaN":         {func(g *Grade) { g.Checks[1].Points = math.NaN() }, "NaN of 3 points"},
		"infinite":    {func(g *Grade) { g.Checks[1].Max = math.Inf(1) }, "+Inf points"},
		"decimals":    {func(g *Grade) { g.Checks[1].Points = 1.001 }, "two decimals"},
		"fault":       {func(g *Grade) { g.Fault = "no memory" }, "has points"},
		"many checks": {func(g *Grade) { g.Checks = make([]Check, 501) }, "501 checks"},
	} {
		g := example()
		tt.spoil(g)
		if err := g.Valid(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestRound(t *testing.T) {
	for in, want := range map[float64]float64{
		0: 0, 1: 1, 0.1 + 0.2: 0.3, 1.005: 1.01, 2.675: 2.68, 1.0049: 1, 10.0 / 3: 3.33, 20.0 / 3: 6.67, 0.004: 0,
		999999.99: 999999.99,
	} {
		if got := Round(in); got != want {
			t.Errorf("Round(%v) = %v, want %v", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "0", 3: "3", 2.5: "2.5", 1.0 / 3: "0.33", 100: "100", 0.1 + 0.2: "0.3"} {
		if got := Format(in); got != want {
			t.Errorf("Format(%v) = %q, want %q", in, got, want)
		}
	}
	for i := range 100_001 { // what has two decimals stays as it is
		if x := float64(i) / 100; Round(x) != x {
			t.Fatalf("Round(%v) = %v", x, Round(x))
		}
	}
	if got, ok := Scaled(7.5, 10, 100); got != 75 || !ok {
		t.Errorf("7.5 of 10 is %v of 100", got)
	}
	if _, ok := Scaled(0, 0, 100); ok {
		t.Error("0 of 0 was scaled")
	}
}

// TestSum: the sum is that of the rounded points, as a reader adds them up, and without the noise of binary fractions.
func TestSum(t *testing.T) {
	g := &Grade{Lab: "l"}
	for _, id := range []string{"a", "b", "c"} {
		g.Checks = append(g.Checks, Check{ID: id, Status: Partial, Points: 10.0 / 3, Max: 10, Visibility: Visible})
	}
	g.Checks = append(g.Checks, Check{ID: "d", Status: Passed, Points: 0.1, Max: 0.1, Visibility: Visible},
		Check{ID: "e", Status: Passed, Points: 0.2, Max: 0.2, Visibility: Visible})
	g.Sum()
	if g.Points != 10.29 || g.Max != 30.3 {
		t.Errorf("%v of %v, want 10.29 of 30.3", g.Points, g.Max)
	}
	if err := g.Valid(); err != nil {
		t.Error(err)
	}
	g.Fault = "QEMU was killed"
	g.Sum()
	if err := g.Valid(); err != nil || g.Points != 0 || g.Max != 30.3 {
		t.Errorf("with a fault: %v of %v, %v", g.Points, g.Max, err)
	}
}

// TestView: of what is hidden a student sees the points' sum, and no word.
func TestView(t *testing.T) {
	g := example()
	v := g.View(false)
	var ids []string
	for _, c := range v.Checks {
		ids = append(ids, c.ID)
		if text := strings.Join(append(append(c.Say, c.Needs...), c.Hint, c.Title), " "); strings.Contains(text, "secret") ||
			strings.Contains(text, "leak") || strings.Contains(text, "later") {
			t.Errorf("%s says %q", c.ID, text)
		}
	}
	if diff := cmp.Diff([]string{"builds", "stops-once", "signals"}, ids); diff != "" {
		t.Error(diff)
	}
	if v.Withheld != 2 || v.WithheldPoints != 2 || v.WithheldMax != 4 {
		t.Errorf("%d withheld: %v of %v points", v.Withheld, v.WithheldPoints, v.WithheldMax)
	}
	if diff := cmp.Diff([]string{needsWithheld}, v.Checks[2].Say); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"builds"}, v.Checks[2].Needs); diff != "" {
		t.Error(diff)
	}
	if v := g.View(true); len(v.Checks) != 4 || v.Withheld != 1 || v.WithheldMax != 2 {
		t.Errorf("after the due date: %d checks, %d withheld", len(v.Checks), v.Withheld)
	}
	if diff := cmp.Diff(example(), g); diff != "" {
		t.Error("the view changed the grade", diff)
	}
}
