// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// sent writes a recording and reads it back, as if another machine read it.
func sent(t *testing.T, rec *kmodlab.Recording) *result.Result {
	t.Helper()
	var file bytes.Buffer
	if _, err := rec.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	t.Logf("the recording has %d bytes", file.Len())
	return replayed(t, file.Bytes())
}

func replayed(t *testing.T, file []byte) *result.Result {
	t.Helper()
	rec, err := kmodlab.ReadRecording(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	res, err := rec.Result()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func asJSON(t *testing.T, res *result.Result) string {
	t.Helper()
	var b strings.Builder
	if err := report.JSON(&b, res); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wantSame checks that a recording gives the same result as the run, to the letter.
func wantSame(t *testing.T, end *kmodlab.Conclusion) {
	t.Helper()
	if diff := cmp.Diff(asJSON(t, end.Result), asJSON(t, sent(t, end.Recording))); diff != "" {
		t.Errorf("the recording tells another story (-run +recording):\n%s", diff)
	}
}

// TestRecordedStory records the story, with its places in code.
func TestRecordedStory(t *testing.T) {
	script := append([]kmodlab.Step{{Argv: []string{"depmod", "-a"}}}, round()...)
	spec := kmodlab.Spec{Dir: "../../modules/signals", Script: script, Observe: kmodlab.Observe{Record: true}}
	end := conclude(t, spec)
	res := end.Result
	if res.Verdict.Class != result.Pass || len(res.Signals) == 0 || !strings.Contains(res.Signals[0].From.Site, "+0x") {
		t.Errorf("verdict %+v, signals %+v", res.Verdict, res.Signals)
	}
	wantSame(t, end)
}

// TestRecordedCrash records a crash with its source lines. The recording is read after the sources are gone.
func TestRecordedCrash(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/crash")); err != nil {
		t.Fatal(err)
	}
	spec := kmodlab.Spec{Dir: dir, Load: []string{"oopser"}, Observe: kmodlab.Observe{Record: true}}
	end := conclude(t, spec)
	res := end.Result
	c := oneCrash(t, res, "null-dereference")
	if f := c.GuiltyFrame(); f == nil || len(f.Source) == 0 {
		t.Fatalf("the run itself has no source lines: %+v", f)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wantSame(t, end)
}

// TestRecordedTrace records a trace whose filter lets nothing pass.
func TestRecordedTrace(t *testing.T) {
	needs.VM(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	spec := kmodlab.TraceSpec{
		Dir: "../../modules/signals", Argv: []string{"lsmod"},
		Tools: kmodlab.Tools{Agent: testlab.Agent(t)}, Observe: kmodlab.Observe{Record: true},
	}
	spec.Filter.Thread = "nosuch"
	end, err := kmodlab.Trace(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	res := end.Result
	v := res.Verdict
	if v.Class != result.Pass || !strings.Contains(v.Message, "thread nosuch") || v.Hint == "" {
		t.Errorf("verdict %+v", v)
	}
	wantSame(t, end)
}

// TestRecordedBuild records a build that failed.
func TestRecordedBuild(t *testing.T) {
	spec := kmodlab.Spec{Dir: brokenModule(t), Observe: kmodlab.Observe{Record: true}}
	end := conclude(t, spec)
	res := end.Result
	if res.Verdict.Class != result.Build {
		t.Fatalf("verdict %+v", res.Verdict)
	}
	wantSame(t, end)
}

// TestGoldenRecording checks that a recording in the first version of the format stays readable, and tells the same
// story. It is a recording of the demo. The file is never written again.
func TestGoldenRecording(t *testing.T) {
	file, err := os.ReadFile("../cli/testdata/recording/demo-1.kmlab")
	if err != nil {
		t.Fatal(err)
	}
	res := replayed(t, file)
	if res.Verdict.Class != result.Pass || res.Dropped.Total != 0 || len(res.Commands) < 7 ||
		res.Machine.Kernel != "6.1.0-56-cloud-amd64" {
		t.Errorf("verdict %+v, dropped %+v, %d commands, kernel %s",
			res.Verdict, res.Dropped, len(res.Commands), res.Machine.Kernel)
	}
	threads, requests := foreground(res)
	if len(threads) != 2 || len(requests) != 1 || len(res.Modules) != 2 {
		t.Fatalf("%d threads, %d requests, %d modules", len(threads), len(requests), len(res.Modules))
	}
	var signals []result.Signal
	for _, s := range res.Signals {
		if !s.Background {
			signals = append(signals, s)
		}
	}
	if len(signals) != 2 {
		t.Fatalf("%d signals", len(signals))
	}
	checkRound(t, threads[0], threads[1], requests[0], signals)
	if site := signals[0].From.Site; !strings.HasPrefix(site, "send_signal_to_task+0x") {
		t.Errorf("sent from %q", site)
	}
	if stack := strings.Join(threads[0].Stack, " "); !strings.Contains(stack, "do_init_module+0x") {
		t.Errorf("the kernel's own functions have no names in %q", stack)
	}
}

// TestRecordingOfNothing checks that a Recording says so if no run has filled it.
func TestRecordingOfNothing(t *testing.T) {
	rec := new(kmodlab.Recording)
	if _, err := rec.WriteTo(new(bytes.Buffer)); err == nil {
		t.Error("a recording of no run is written")
	}
	if _, err := rec.Result(); err == nil {
		t.Error("a recording of no run has a result")
	}
}
