// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/junit"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// severalRuns are runs that pass and fail, two of them with names that a format could take for its own syntax.
func severalRuns() []Named {
	var runs []Named
	for _, r := range []struct {
		name  string
		class result.Class
	}{{"a/hello", result.Pass}, {"b # SKIP <&>\x1b[31m", result.Oops}, {"ok 3 c", result.Build}, {"d", result.Lost},
		{"e", result.Oops}} {
		res := resultOf(demoEvents(), done)
		res.Verdict = result.Verdict{Class: r.class, Message: "m of " + r.name}
		runs = append(runs, Named{r.name, 1234 * time.Millisecond, res})
	}
	return runs
}

func writtenAll(t *testing.T, write func(io.Writer, []Named) error, runs []Named) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, runs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJUnitAll(t *testing.T) {
	runs := severalRuns()
	got := writtenAll(t, JUnitAll, runs)
	checkHarmless(t, got)
	foreign.JUnit(t, got)
	var again junit.Suites
	if err := xml.Unmarshal(got, &again); err != nil {
		t.Fatal(err)
	}
	if len(again.Suites) != 1 || again.Tests != len(runs) || again.Failures != 3 || again.Errors != 1 {
		t.Fatalf("%d suites, %d tests, %d failures, %d errors", len(again.Suites), again.Tests, again.Failures, again.Errors)
	}
	for i, c := range again.Suites[0].Cases {
		failed := c.Failure != nil || c.Error != nil
		if c.Name != clean(runs[i].Name) || c.Time != "1.234" || failed == (runs[i].Result.Verdict.Class == result.Pass) {
			t.Errorf("case %d is %q, %s s, failed: %v", i, c.Name, c.Time, failed)
		}
	}
}

func TestKTAPAll(t *testing.T) {
	runs := severalRuns()
	got := writtenAll(t, KTAPAll, runs)
	checkHarmless(t, got)
	parsed := foreign.KTAP(t, got)
	if parsed.Errors != 0 || len(parsed.Tests) != len(runs) {
		t.Fatalf("%d tests with %d errors in\n%s", len(parsed.Tests), parsed.Errors, got)
	}
	for i, p := range parsed.Tests {
		want := "FAILURE"
		if runs[i].Result.Verdict.Class == result.Pass {
			want = "SUCCESS"
		}
		if p.Name != ktapName(runs[i].Name) || p.Status != want || p.Errors != 0 || len(p.Tests) != 0 {
			t.Errorf("test %d is %q %s with %d parts and %d errors", i+1, p.Name, p.Status, len(p.Tests), p.Errors)
		}
	}
}

func TestJSONAll(t *testing.T) {
	runs := severalRuns()
	var again []struct {
		Name   string
		Result result.Result
	}
	if err := json.Unmarshal(writtenAll(t, JSONAll, runs), &again); err != nil {
		t.Fatal(err)
	}
	if len(again) != len(runs) || again[4].Name != "e" || again[4].Result.Verdict.Class != result.Oops {
		t.Errorf("%d results, the last %+v", len(again), again[len(again)-1].Result.Verdict)
	}
	if got := string(writtenAll(t, JSONAll, nil)); got != "[]\n" {
		t.Errorf("no runs are %q", got)
	}
}

func TestLinesOfMany(t *testing.T) {
	runs := severalRuns()
	if got, want := Line(runs[0], 9, false), "pass        a/hello      1.2 s  m of a/hello"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	checkHarmless(t, []byte(Line(runs[1], 9, false)))
	if got, want := Summary(append(runs[2:], runs[0])), "1 pass, 1 build (ok 3 c), 1 lost (d), 1 oops (e)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
