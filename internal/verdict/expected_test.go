// SPDX-License-Identifier: MIT

package verdict

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/result"
)

const expectedFile = "testdata/expected.txt"

// TestExpectRecorded has recorded runs checked again, with expectations that hold, that fail, and of which nothing is
// known. KMODLAB_UPDATE=1 writes the file anew: look at the difference.
func TestExpectRecorded(t *testing.T) {
	var got strings.Builder
	for _, tt := range []struct {
		file  string
		texts []string
	}{
		{demoFile, []string{`threads.all(t, t.stops == 1)`, `clean()`}},
		{demoFile, []string{`threads.size() == 2`, `threads.all(t,
			t.stops == 2)`, `signals.all(s, s.consumed_ns - s.sent_ns <= us(1))`, `thread("K9").stops == 1`}},
		{demoFile, []string{`threads.all(t, t.stages_ns.module_freed > 0)`, `verdict.class == "pass"`}},
		{demoFile, []string{`thread("K1").stopps == 1`, `clean()`}},
		{demoFile, []string{`messages.exists(m, m.text == "` + strings.Repeat("ä", 150) + `")`}},
		{"testdata/recordings/kmalloc_leak.kmlab", []string{`leaks.size() == 0`, `clean()`, `verdict.class == "leak"`}},
		{"testdata/recordings/triple_fault.kmlab", []string{`threads.size() == 0`, `crashes.size() > 0`}},
		{"testdata/recordings/param_unknown.kmlab", []string{`clean()`, `threads.size() == 1`}},
	} {
		e := recorded(t, tt.file)
		e.Expect = tt.texts
		res := Of(e)
		fmt.Fprintf(&got, "# %s\n%s: %s\n", tt.file, res.Verdict.Class, res.Verdict.Message)
		for _, v := range res.Verdict.Also {
			fmt.Fprintf(&got, "also %s: %s\n", v.Class, v.Message)
		}
		for _, x := range res.Expectations {
			fmt.Fprintf(&got, "%s: %s\n", x.Outcome, shortened(x.Text))
			if x.Why != "" {
				fmt.Fprintf(&got, "    why: %s\n", x.Why)
			}
			for _, found := range x.Found {
				fmt.Fprintf(&got, "    found: %s\n", found)
			}
		}
		got.WriteString("\n")
	}
	compare(t, expectedFile, got.String())
}

const demoFile = "../../test/cli/testdata/recording/demo-1.kmlab"

func recorded(t *testing.T, file string) *evidence.Evidence {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := recording.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return e
}

// TestExpect: an expectation never makes a verdict better, is listed after what is mostly its reason, and is unknown
// where the run is no evidence or the kernel does not record what it is about.
func TestExpect(t *testing.T) {
	const fails, holds = `threads.size() == 1`, `threads.size() == 0`
	for name, tt := range map[string]struct {
		class   result.Class
		change  func(*result.Result)
		texts   []string
		want    result.Class
		also    []result.Class
		outcome []result.ExpectedOutcome
		says    string // part of the message
	}{
		"held": {result.Pass, nil, []string{holds}, result.Pass, nil, []result.ExpectedOutcome{result.ExpectedHeld},
			"it passed"},
		"failed": {result.Pass, nil, []string{holds, fails, "requests.size() == 1"}, result.Expectation,
			[]result.Class{result.Expectation},
			[]result.ExpectedOutcome{result.ExpectedHeld, result.ExpectedFailed, result.ExpectedFailed},
			"threads.size() == 1 does not hold: "},
		"lost records": {result.Pass, func(r *result.Result) { r.Dropped.Total = 2 }, []string{fails}, result.Expectation,
			nil, []result.ExpectedOutcome{result.ExpectedFailed}, "; 2 trace records were lost, so the story has gaps"},
		"not recorded": {result.Pass, func(r *result.Result) {
			r.Unknown = map[string]string{"thread_requested": "no hook", "thread_created": "no hook"}
		}, []string{fails, "crashes.size() == 0"}, result.Pass, nil,
			[]result.ExpectedOutcome{result.ExpectedUnknown, result.ExpectedHeld}, "; whether 1 expectation holds is not known"},
		"a test failed": {result.TestFailed, nil, []string{fails}, result.TestFailed, []result.Class{result.Expectation},
			[]result.ExpectedOutcome{result.ExpectedFailed}, "it passed"},
		"a panic": {result.Panic, nil, []string{fails}, result.Panic, []result.Class{result.Expectation},
			[]result.ExpectedOutcome{result.ExpectedFailed}, ""},
		"the load is refused, as expected": {result.Load, nil, []string{`verdict.class == "load"`}, result.Load, nil,
			[]result.ExpectedOutcome{result.ExpectedHeld}, ""},
		"host":  {result.Host, nil, []string{fails, holds}, result.Host, nil, unknowns(2), ""},
		"lost":  {result.Lost, nil, []string{fails, holds}, result.Lost, nil, unknowns(2), ""},
		"build": {result.Build, nil, []string{fails, holds}, result.Build, nil, unknowns(2), ""},
		"a program cannot run": {result.TestFailed, func(r *result.Result) { r.Machine.Kernel = "" }, []string{fails, holds},
			result.TestFailed, nil, unknowns(2), ""},
		"another version's": {result.Pass, nil, []string{"later.size() == 1"}, result.Pass, nil, unknowns(1), "is not known"},
		"too many": {result.Pass, nil, slices.Repeat([]string{holds}, evidence.MaxExpect+1), result.Pass, nil,
			append(slices.Repeat([]result.ExpectedOutcome{result.ExpectedHeld}, evidence.MaxExpect), unknowns(1)...), ""},
	} {
		r := &result.Result{
			Machine: result.Machine{Kernel: "6.1.0", Accel: "tcg"},
			Verdict: result.Verdict{Class: tt.class, Message: "it passed"},
		}
		if tt.change != nil {
			tt.change(r)
		}
		Expect(r, tt.texts)
		var also []result.Class
		for _, v := range r.Verdict.Also {
			also = append(also, v.Class)
		}
		var outcome []result.ExpectedOutcome
		for i, x := range r.Expectations {
			outcome = append(outcome, x.Outcome)
			if x.Text != tt.texts[i] || (x.Outcome == result.ExpectedHeld) != (x.Why == "" && len(x.Found) == 0) {
				t.Errorf("%s: %+v", name, x)
			}
		}
		if r.Verdict.Class != tt.want || !slices.Equal(also, tt.also) || !strings.Contains(r.Verdict.Message, tt.says) {
			t.Errorf("%s: %s: %s, also %s", name, r.Verdict.Class, r.Verdict.Message, also)
		}
		if diff := cmp.Diff(tt.outcome, outcome); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestExpectBound: expectations that take long do not take for ever, however many they are.
func TestExpectBound(t *testing.T) {
	r := &result.Result{Machine: result.Machine{Kernel: "6.1.0"}, Verdict: result.Verdict{Class: result.Pass}}
	r.Threads = make([]result.Thread, 100)
	long := "threads.all(t, threads.all(u, t.stops + u.stops >= 0))" // 10,000 times at least five steps
	expectWithin(r, append(slices.Repeat([]string{long}, 5), "true"), 120_000)
	held, unknown := count(r.Expectations, result.ExpectedHeld), count(r.Expectations, result.ExpectedUnknown)
	if held < 1 || held > 3 || unknown != 6-held || r.Expectations[5].Outcome != result.ExpectedUnknown {
		t.Errorf("%d held, %d are unknown: %+v", held, unknown, r.Expectations)
	}
}

func unknowns(n int) []result.ExpectedOutcome {
	return slices.Repeat([]result.ExpectedOutcome{result.ExpectedUnknown}, n)
}
