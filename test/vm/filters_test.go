// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// passesAll are the kinds that the tracer's filters by thread and module always let through. These events are few. They
// cannot be judged yet, or have no task to judge by.
var passesAll = []event.Kind{
	event.ThreadRequested, event.ThreadPickedUp, event.ThreadForked, event.ThreadFirstRun, event.ThreadStopReturned,
	event.HelperForked, event.TaskExeced, event.HelperWaited, event.SignalAllowed,
	event.ModuleLoaded, event.ModuleInitBegin, event.ModuleInitEnd, event.ModuleFreed, event.Tainted,
}

var signalKinds = []event.Kind{
	event.SignalSent, event.SignalGenerated, event.SignalDequeued, event.SignalFlushed, event.SignalDelivered,
}

// filterCase is a filter, with the events of the pair that it may let pass, and those that must be there.
type filterCase struct {
	name    string
	filter  kmodlab.Filter
	allowed func(event.Event) bool
	present map[event.Kind]func(event.Event) bool
}

func about(comm string) func(event.Event) bool {
	return func(e event.Event) bool { return e.By.Comm == comm || e.Target.Comm == comm }
}

func isHelper(e event.Event) bool { return e.Kind == event.TaskExited && !e.By.Kthread }

func filterCases() []filterCase {
	k1, k2 := about("K1"), about("K2")
	fromTo := func(e event.Event) bool {
		switch e.Kind {
		case event.SignalSent, event.SignalGenerated:
			return e.By.Comm == "K2" && e.Target.Comm == "K1" && e.Arg == uint32(syscall.SIGUSR1)
		case event.SignalDequeued:
			return e.By.Comm == "K1" && e.Arg == uint32(syscall.SIGUSR1)
		}
		return !slices.Contains(signalKinds, e.Kind)
	}
	noSignal := func(e event.Event) bool { return !slices.Contains(signalKinds, e.Kind) }
	return []filterCase{
		{"thread", kmodlab.Filter{Thread: "K1"},
			func(e event.Event) bool { return k1(e) || isHelper(e) },
			map[event.Kind]func(event.Event) bool{
				event.ThreadCreated: k1, event.ThreadWoken: k1, event.ThreadFunction: k1,
				event.RequestAsked: k1, event.RequestNamed: k1, event.HelperQueued: k1, event.RequestReturned: k1,
				event.SignalSent: k1, event.SignalGenerated: k1, event.SignalDequeued: k1,
			}},
		{"module", kmodlab.Filter{Module: "send-signal"},
			func(e event.Event) bool {
				switch e.Kind {
				case event.ModuleGot, event.ModulePut:
					return e.Text == "send_signal"
				case event.SignalDequeued:
					return k1(e)
				}
				return k2(e) || isHelper(e)
			},
			map[event.Kind]func(event.Event) bool{
				event.ThreadCreated: k2, event.ThreadFunction: k2,
				event.SignalSent: k2, event.SignalGenerated: k2, event.SignalDequeued: k1,
			}},
		{"from, to, signal", kmodlab.Filter{From: "K2", To: "K1", Signals: []syscall.Signal{syscall.SIGUSR1}}, fromTo,
			map[event.Kind]func(event.Event) bool{
				event.ThreadCreated: k2, event.RequestAsked: k1,
				event.SignalSent: fromTo, event.SignalGenerated: fromTo, event.SignalDequeued: fromTo,
			}},
		{"other signal", kmodlab.Filter{Signals: []syscall.Signal{64}}, noSignal,
			map[event.Kind]func(event.Event) bool{event.ThreadCreated: k1, event.RequestAsked: k1}},
		{"from one who sends nothing", kmodlab.Filter{From: "K1"}, noSignal,
			map[event.Kind]func(event.Event) bool{event.ThreadCreated: k2, event.RequestAsked: k1}},
		{"to a pid that gets nothing", kmodlab.Filter{To: "2"}, noSignal,
			map[event.Kind]func(event.Event) bool{event.ThreadCreated: k2, event.RequestAsked: k1}},
	}
}

// sampleFilters returns the cases that make test runs on a kernel. make test-all runs all of them.
func sampleFilters(kernel string) []filterCase {
	all := filterCases()
	switch {
	case os.Getenv("KMODLAB_TEST_ALL") != "":
		return all
	case kernel == newestKernel:
		return all[1:2]
	}
	return all[:3]
}

// TestFilters checks what the tracer wrote while the pair ran with a filter.
func TestFilters(t *testing.T) {
	needs.VM(t)
	for _, name := range testKernels(t) {
		for _, tt := range sampleFilters(name) {
			t.Run(strings.ReplaceAll(name+" "+tt.name, " ", "_"), func(t *testing.T) { tt.test(t, name) })
		}
	}
}

func (c filterCase) test(t *testing.T, kernel string) {
	var mu sync.Mutex
	var events []event.Event
	keep := func(s *kmodlab.Seen) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, s.Event)
	}
	spec := kmodlab.TraceSpec{
		Dir:     "../../modules/signals",
		Argv:    []string{"modprobe", "signal_handling", "period_ms=100"},
		For:     2 * time.Second,
		Filter:  c.filter,
		Machine: kmodlab.Machine{Kernel: kernel},
		Tools:   kmodlab.Tools{Agent: testlab.Agent(t)},
		Observe: kmodlab.Observe{Watch: kmodlab.Watch{Event: keep}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	res, err := kmodlab.Trace(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if res.Verdict.Class != result.Pass || res.Dropped.Total != 0 {
		t.Errorf("verdict %+v, dropped %+v; want pass, none", res.Verdict, res.Dropped)
	}
	missing := make(map[event.Kind]bool)
	for kind := range c.present {
		missing[kind] = true
	}
	byName := c.filter.Thread != "" || c.filter.Module != ""
	for _, e := range events {
		if want := c.present[e.Kind]; want != nil && want(e) {
			delete(missing, e.Kind)
		}
		if !c.allowed(e) && !(byName && slices.Contains(passesAll, e.Kind)) {
			t.Errorf("the filter let pass: %s by %s, target %s, signal %d, %q", e.Kind, e.By, e.Target, e.Arg, e.Text)
		}
	}
	for kind := range missing {
		t.Errorf("no %s among %d events", kind, len(events))
	}
}

// TestSteadyHooks checks the lessons' stories through kprobes and classic tracepoints, on a kernel that also has the
// cheaper hooks. A preemptible kernel uses these kprobes and tracepoints. make test runs one lesson, on the default
// kernel.
func TestSteadyHooks(t *testing.T) {
	for _, name := range testKernels(t) {
		if name == newestKernel {
			continue // it uses these hooks anyway
		}
		t.Run(name, func(t *testing.T) {
			if os.Getenv("KMODLAB_TEST_ALL") == "" {
				testSteady(t, "../../modules/kthreads", name)
				return
			}
			for _, dir := range lessons(t) {
				t.Run(dir, func(t *testing.T) { testSteady(t, dir, name) })
			}
		})
	}
}

func testSteady(t *testing.T, dir, kernel string) {
	want := readExpectation(t, dir)
	spec := want.spec(dir, kernel)
	spec.SteadyHooks = true
	res := runVM(t, spec)
	for _, w := range want.differences(res) {
		t.Error(w)
	}
	steady := 0
	for _, h := range res.Hooks {
		if h.Attached && !h.Proved {
			t.Errorf("hook %+v: want it proved", h)
		}
		if slices.Contains([]string{"kprobe", "kretprobe", "tracepoint"}, h.Kind) {
			steady++
		}
	}
	if steady < len(res.Hooks)/2 {
		t.Errorf("%d of %d hooks are kprobes or classic tracepoints; the run asked for them", steady, len(res.Hooks))
	}
}
