// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// TestExpect: what is expected of a run holds, or fails with what was found instead; and a recording of the run says
// the same.
func TestExpect(t *testing.T) {
	end := conclude(t, kmodlab.Spec{
		Dir: "../../modules/kthreads", Load: []string{"thread_stop"}, For: kmodlab.NoWait,
		Expect: []string{
			`threads.size() > 0 && threads.all(t, t.stops <= 1)`,
			`module("thread_stop").unloaded && clean()`,
			`threads.all(t, t.stops == 7)`,
			`tests.size() == 1`,
		},
		Observe: kmodlab.Observe{Record: true},
	})
	var outcomes []result.ExpectedOutcome
	for _, x := range end.Expectations {
		outcomes = append(outcomes, x.Outcome)
	}
	want := []result.ExpectedOutcome{
		result.ExpectedHeld, result.ExpectedHeld, result.ExpectedFailed, result.ExpectedFailed,
	}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Fatalf("%+v (-want +got):\n%s", end.Expectations, diff)
	}
	v := end.Verdict
	if v.Class != result.Expectation || len(v.Evidence) == 0 || len(v.Also) != 1 || v.Also[0].Class != result.Expectation {
		t.Errorf("verdict %+v", v)
	}
	var file bytes.Buffer
	if _, err := end.Recording.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	rec, err := kmodlab.ReadRecording(&file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rec.Result()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(end.Result, again); diff != "" {
		t.Errorf("the recording says something else (-run +recording):\n%s", diff)
	}
}
