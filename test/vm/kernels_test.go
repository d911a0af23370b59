// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/cli"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/agree"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// runVM runs a spec with the program as the agent. If the test fails, it logs what the run said.
func runVM(t *testing.T, spec kmodlab.Spec) *result.Result {
	t.Helper()
	return conclude(t, spec).Result
}

// conclude is runVM, but also returns the recording.
func conclude(t *testing.T, spec kmodlab.Spec) *kmodlab.Conclusion {
	t.Helper()
	needs.VM(t)
	spec.Agent = testlab.Agent(t)
	var kmsg []string
	spec.Watch.Kmsg = func(line string) { kmsg = append(kmsg, line) }
	spec.Watch.Log = func(line string) { t.Log(line) }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	end, err := kmodlab.Run(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, contradiction := range agree.Contradictions(end.Result) {
		t.Errorf("the result contradicts itself: %s", contradiction)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("verdict: %+v", end.Verdict)
			for _, c := range end.Commands {
				t.Logf("# %s (exit %d)\n%s", strings.Join(c.Argv, " "), c.Exit, c.Output)
			}
			t.Logf("kernel log:\n%s", strings.Join(kmsg, "\n"))
		}
	})
	return end
}

// round returns the demo's script without the steps that only people look at.
func round() []kmodlab.Step {
	return []kmodlab.Step{
		{Argv: []string{"modprobe", "signal_handling", "period_ms=100"}, Role: kmodlab.RoleLoad, Wait: 3 * time.Second},
		{Argv: []string{"modprobe", "-r", "signal_handling"}, Role: kmodlab.RoleRefused},
		{Argv: []string{"modprobe", "-r", "send_signal"}, Role: kmodlab.RoleUnload},
	}
}

// testStory checks the sequence of the demo's story, twice in one boot.
func testStory(t *testing.T, name string) *result.Result {
	t.Helper()
	script := append([]kmodlab.Step{{Argv: []string{"depmod", "-a"}}}, round()...)
	res := runVM(t, kmodlab.Spec{
		Dir:     "../../modules/signals",
		Script:  append(script, round()...),
		Machine: kmodlab.Machine{Kernel: name},
	})
	if res.Verdict.Class != result.Pass {
		t.Errorf("verdict %+v, want pass", res.Verdict)
	}
	if res.Dropped.Total != 0 || len(res.Crashes) != 0 {
		t.Errorf("dropped %+v, crashes %+v", res.Dropped, res.Crashes)
	}
	checkHooks(t, res)
	threads, requests := foreground(res)
	if len(threads) != 4 || len(requests) != 2 || len(res.Modules) != 4 {
		t.Fatalf("%d threads, %d requests, %d modules; want 4, 2, 4", len(threads), len(requests), len(res.Modules))
	}
	signals := slices.DeleteFunc(slices.Clone(res.Signals), func(s result.Signal) bool { return s.Background })
	if len(signals) != 4 {
		t.Fatalf("%d signals, want 4: %+v", len(signals), signals)
	}
	for i := range 2 {
		checkRound(t, threads[2*i], threads[2*i+1], requests[i], signals[2*i:2*i+2])
	}
	for i, m := range res.Modules {
		want := []string{"signal_handling", "send_signal"}[i%2]
		if m.Name != want || !m.Loaded || !m.Unloaded || m.InitRet != 0 {
			t.Errorf("module %d is %+v, want %s, loaded and unloaded", i, m, want)
		}
	}
	return res
}

// checkHooks checks that every attached hook has fired, in the self-test or later. That is what modules/probe is for.
// The table that TestKernels compares says which hooks this kernel does not take.
func checkHooks(t *testing.T, res *result.Result) {
	t.Helper()
	if len(res.Hooks) == 0 {
		t.Error("no hooks reported")
	}
	for _, h := range res.Hooks {
		if h.Attached && !h.Proved {
			t.Errorf("hook %+v: want it proved", h)
		}
	}
	for _, th := range res.Threads {
		if strings.HasPrefix(th.Name, "kmodlab_probe") {
			t.Errorf("thread %+v is the self-test's and no part of the run", th)
		}
	}
}

func foreground(res *result.Result) ([]result.Thread, []result.Request) {
	threads := slices.DeleteFunc(slices.Clone(res.Threads), func(x result.Thread) bool { return x.Background })
	requests := slices.DeleteFunc(slices.Clone(res.Requests), func(x result.Request) bool { return x.Background })
	return threads, requests
}

// checkRound checks one load and unload of the pair.
func checkRound(t *testing.T, k1, k2 result.Thread, q result.Request, signals []result.Signal) {
	t.Helper()
	checkThread(t, k1, "K1", "inc_func [signal_handling]", "startup+", "cleanup+")
	checkThread(t, k2, "K2", "send_signal_to_task [send_signal]", "startup+", "cleanup+")

	if q.Name != "send_signal" || q.By.PID != k1.PID || !q.Wait || q.Returned == nil || *q.Returned != 0 ||
		!strings.HasPrefix(q.By.Site, "inc_func+") {
		t.Errorf("request %+v, want one of send_signal by K1[%d] in inc_func that returned 0", q, k1.PID)
	}
	modprobe := []string{"/sbin/modprobe", "-q", "--", "send_signal"}
	if h := q.Helper; h == nil {
		t.Error("the request has no helper")
	} else if h.Exit == nil || *h.Exit != 0 || !slices.Equal(h.Argv, modprobe) {
		t.Errorf("helper %+v, want /sbin/modprobe -q -- send_signal with exit 0", *h)
	} else if k2.Requester.PID != h.PID {
		t.Errorf("K2 was asked for by pid %d, want the helper's %d", k2.Requester.PID, h.PID)
	}
	if !slices.Equal(q.Loaded, []string{"send_signal"}) {
		t.Errorf("the request loaded %v, want send_signal", q.Loaded)
	}
	s := q.Stages
	checkOrder(t, "request", []step{
		{"asked", s.Asked}, {"throttled", s.Throttled}, {"queued", s.Queued}, {"forked", s.Forked},
		{"exec", s.Exec}, {"loaded", s.Loaded}, {"exited", s.Exited}, {"returned", s.Returned},
	})

	for _, sig := range signals {
		if sig.Name != "SIGUSR1" || sig.From.PID != k2.PID || sig.To.PID != k1.PID || sig.Outcome != result.Consumed ||
			!strings.HasPrefix(sig.Site, "inc_func+") || sig.ConsumedNS == nil || *sig.ConsumedNS <= sig.SentNS {
			t.Errorf("signal %+v, want SIGUSR1 from K2[%d] to K1[%d], consumed in inc_func", sig, k2.PID, k1.PID)
		}
	}
}

func checkThread(t *testing.T, th result.Thread, name, function, asked, stopped string) {
	t.Helper()
	if th.Name != name || th.Function != function ||
		th.Requester.Comm != "modprobe" || !strings.HasPrefix(th.Requester.Site, asked) {
		t.Errorf("thread %+v, want %s running %s, asked for by modprobe in %s", th, name, function, asked)
	}
	if th.Alive || th.Stops != 1 || th.Result != 0 || th.Inexact {
		t.Errorf("thread %s: alive %v, stopped %d times, result %d, inexact %v; want an exact life, one stop, result 0",
			name, th.Alive, th.Stops, th.Result, th.Inexact)
	}
	if th.StoppedBy == nil || !strings.HasPrefix(th.StoppedBy.Site, stopped) {
		t.Errorf("thread %s was stopped by %+v, want someone in %s", name, th.StoppedBy, stopped)
	}
	s := th.Stages
	checkOrder(t, name, []step{
		{"requested", s.Requested}, {"picked up", s.PickedUp}, {"first run", s.FirstRun}, {"created", s.Created},
		{"woken", s.Woken}, {"function", s.Function},
		{"stop asked", s.StopAsked}, {"stop seen", s.StopSeen}, {"exited", s.Exited},
	})
	// The task that waits in kthread_stop is woken some time before sched_process_exit.
	checkOrder(t, name, []step{{"stop seen", s.StopSeen}, {"stop returned", s.StopReturned}})
}

type step struct {
	name string
	at   *int64
}

func checkOrder(t *testing.T, what string, steps []step) {
	t.Helper()
	last := step{"the beginning", new(int64)}
	*last.at = -1 << 62
	for _, s := range steps {
		if s.at == nil {
			t.Errorf("%s: %s was not seen", what, s.name)
			continue
		}
		if *s.at < *last.at {
			t.Errorf("%s: %s at %d ns comes before %s at %d ns", what, s.name, *s.at, last.name, *last.at)
		}
		last = s
	}
}

// newestKernel is the name under which Debian serves its newest stable kernel.
const newestKernel = "debian:trixie-backports"

// allKernels are the kernels that Debian serves and the tracer knows, oldest first.
var allKernels = kernel.Tested()

// testKernels returns the kernels to test. Each takes a minute without KVM, so make test runs only the default kernel,
// and the pair alone on the newest. make test-kernels runs them all.
func testKernels(t *testing.T) []string {
	t.Helper()
	if os.Getenv("KMODLAB_TEST_ALL") != "" {
		return allKernels
	}
	name, err := kernel.DefaultName()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Compact([]string{name, newestKernel})
}

// TestKernels checks the stories of the pair and of every lesson, and compares what the tracer's hooks did with the
// table in docs/events.md.
func TestKernels(t *testing.T) {
	needs.VM(t)
	table := hookTable{}
	var names []string
	add := func(res *result.Result) {
		table.add(res)
		names = hookNames(res)
	}
	for _, name := range testKernels(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("signals", func(t *testing.T) { add(testStory(t, name)) })
			if name == newestKernel && os.Getenv("KMODLAB_TEST_ALL") == "" {
				return
			}
			for _, dir := range lessons(t) {
				t.Run(filepath.Base(dir), func(t *testing.T) { add(testLesson(t, dir, name)) })
			}
		})
	}
	table.check(t, "../../docs/events.md", names)
}

// TestBuildInVM builds in a VM, as the demo does, and finds the same build in the cache afterwards.
func TestBuildInVM(t *testing.T) {
	cache := machine.CacheDir(t)
	// The kernels are shared. The builds belong to this test.
	own := t.TempDir()
	if err := os.Symlink(cache+"/kernels", own+"/kernels"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cache+"/kernels", 0o755); err != nil {
		t.Fatal(err)
	}
	spec := cli.Demo("../../modules/signals")
	spec.CacheDir, spec.Accel = own, "tcg"
	for _, cached := range []bool{false, true} {
		res := runVM(t, spec)
		if res.Verdict.Class != result.Pass {
			t.Fatalf("verdict %+v, want pass", res.Verdict)
		}
		i := slices.IndexFunc(res.Phases, func(p result.Phase) bool { return p.Name == "build" })
		if i < 0 || res.Phases[i].Where != "vm" || res.Phases[i].Cached != cached {
			t.Errorf("phases %+v, want a build in the vm, cached %v", res.Phases, cached)
		}
	}
}
