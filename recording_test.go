// SPDX-License-Identifier: MIT

package kmodlab

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/verdict"
)

// demo is a recording of the demo, which every result can be made of again.
const demo = "test/cli/testdata/recording/demo-1.kmlab"

func readDemo(t *testing.T) *Recording {
	t.Helper()
	f, err := os.Open(demo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// digest is a hash of all that can be changed in evidence.
func digest(t *testing.T, e *evidence.Evidence) string {
	t.Helper()
	all := *e
	all.Trace.Kernel, all.Trace.Tape, all.Left.Ledger = nil, nil, nil
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(&all); err != nil {
		t.Fatal(err)
	}
	for i := range all.Trace.Events {
		fmt.Fprintf(h, "%#v\n", all.Trace.Events[i])
	}
	if l := e.Left.Ledger; l != nil {
		plan, _ := l.Source()
		fmt.Fprintf(h, "%#v %#v", *l, *plan)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestRecordingPure: a result is made of evidence without a change to it, so that it can be made again, by several
// goroutines, and is the same each time, also after another way through a file.
func TestRecordingPure(t *testing.T) {
	rec := readDemo(t)
	before := digest(t, rec.evidence)
	var results [4][]byte
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			res, err := rec.Result()
			if err != nil {
				t.Error(err)
			}
			results[i], _ = json.Marshal(res)
		})
	}
	all.Wait()
	res, used := verdict.OfAndUsed(rec.evidence)
	results[2], _ = json.Marshal(res)
	if digest(t, rec.evidence) != before {
		t.Error("the evidence was changed by what was made of it")
	}
	var file bytes.Buffer
	if _, err := (&Recording{rec.evidence, used}).WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadRecording(&file)
	if err != nil {
		t.Fatal(err)
	}
	if res, err = again.Result(); err != nil {
		t.Fatal(err)
	}
	if results[3], err = json.Marshal(res); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(results); i++ {
		if diff := cmp.Diff(string(results[0]), string(results[i])); diff != "" {
			t.Errorf("result %d is another one (-first +this):\n%s", i, diff)
		}
	}
}

// TestNoRecording: what no run has filled is an error to use, not a panic.
func TestNoRecording(t *testing.T) {
	for _, rec := range []*Recording{nil, {}} {
		if _, err := rec.Result(); !errors.Is(err, errNothingRecorded) {
			t.Errorf("Result: %v", err)
		}
		if n, err := rec.WriteTo(io.Discard); n != 0 || !errors.Is(err, errNothingRecorded) {
			t.Errorf("WriteTo: %d, %v", n, err)
		}
	}
}

// TestRecordEarlyEnd: a run that did not come to a machine has a recording too, of the same result.
func TestRecordEarlyEnd(t *testing.T) {
	spec := nowhere(t)
	spec.Record = true
	end, err := Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := end.Recording.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadRecording(&file)
	if err != nil {
		t.Fatal(err)
	}
	res, err := again.Result()
	if diff := cmp.Diff(end.Result, res); err != nil || diff != "" {
		t.Errorf("%v (-run +recording):\n%s", err, diff)
	}
}
