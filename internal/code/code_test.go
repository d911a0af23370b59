// SPDX-License-Identifier: MIT

package code

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// compile makes a relocatable object as kbuild does from a module's sources.
func compile(t testing.TB) []byte {
	t.Helper()
	return testlab.Compile(t, "testdata/loops.c",
		"-fno-pic", "-mcmodel=kernel", "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-w")
}

func opened(t testing.TB) *Module {
	t.Helper()
	m, err := Open(compile(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// after is the offset to which a function's call of another one returns; of several it is the last.
func after(t *testing.T, m *Module, name, callee string) uint64 {
	t.Helper()
	f, ok := m.function(name, 0)
	if !ok {
		t.Fatalf("no function %s", name)
	}
	found := uint64(0)
	for at := uint64(callSize); at <= f.end-f.at; at++ {
		if m.Callee(name, at) == callee {
			found = at
		}
	}
	if found == 0 {
		t.Fatalf("%s calls no %s", name, callee)
	}
	return found
}

// round is the first offset of a function to which its code returns.
func round(t *testing.T, m *Module, name string) uint64 {
	t.Helper()
	f, ok := m.function(name, 0)
	if !ok {
		t.Fatalf("no function %s", name)
	}
	for at := range f.end - f.at {
		if flow, ok := m.Flow(name, at); ok && flow.Loops {
			return at
		}
	}
	t.Fatalf("%s has no loop", name)
	return 0
}

// TestFlow: what a compiler makes of loops tells which of them can end.
func TestFlow(t *testing.T) {
	m := opened(t)
	naps, looks := []string{"msleep"}, []string{"kthread_should_stop", "msleep"}
	for name, want := range map[string]Flow{
		"endless":  {Endless: true, Loops: true, Calls: naps, Always: naps},
		"counting": {Endless: true, Loops: true, Counts: true, Unseen: true, Calls: naps, Always: naps},
		"heeding":  {Loops: true, Calls: looks, Always: looks},
		"deaf":     {Loops: true, Calls: naps, Always: naps},
		"bounded":  {Loops: true, Counts: true, Calls: naps, Always: naps},
		"walking":  {Loops: true, Counts: true, Calls: naps, Always: naps},
		"timed":    {Loops: true, Counts: true, Unseen: true, Calls: naps, Always: naps},
		"exiting":  {Loops: true, Calls: naps, Always: naps},
		"keyed":    {Loops: true, Calls: naps, Always: naps},
		"unknown":  {Loops: true, Counts: true, Calls: []string{"may_do_anything", "msleep"}, Always: naps},
	} {
		got, ok := m.Flow(name, after(t, m, name, "msleep"))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %t (-want +got):\n%s", name, ok, diff)
		}
	}
	idling, ok := m.Flow("idling", after(t, m, "idling", "schedule"))
	if !ok || !slices.Contains(idling.Always, "kthread_should_stop") {
		t.Errorf("a wait that looks each time it is woken: %+v, %t", idling, ok)
	}
	draining, ok := m.Flow("draining", after(t, m, "draining", "msleep"))
	if !ok || !slices.Contains(draining.Calls, looks[0]) || slices.Contains(draining.Always, looks[0]) {
		t.Errorf("a loop within one that looks: %+v, %t", draining, ok)
	}
	for name, unseen := range map[string]bool{"spending": true, "polling": true, "watching": false} {
		if got, ok := m.Flow(name, round(t, m, name)); !ok || !got.Loops || got.Unseen != unseen {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
	if got, ok := m.Flow("exiting_below", after(t, m, "exiting_below", "msleep")); !ok || got.Endless {
		t.Errorf("a function that a loop calls may end the task: %+v, %t", got, ok)
	}
	for name, counts := range map[string]bool{"shrinking": true, "steady": false} {
		callee := map[bool]string{true: "schedule_timeout", false: "schedule_timeout_idle"}[counts]
		if got, ok := m.Flow(name, after(t, m, name, callee)); !ok || !got.Loops || got.Counts != counts {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
	if _, ok := m.Flow("nothing", 5); ok {
		t.Error("a function that is not there can be followed")
	}
}

func TestNames(t *testing.T) {
	m := opened(t)
	if m.Init() != "start" || m.Exit() != "finish" {
		t.Errorf("init %q, exit %q", m.Init(), m.Exit())
	}
	jumps := m.Jumps("finish")
	if len(jumps) != 1 || jumps[0].Callee != "wait_for_completion" || jumps[0].Offset == 0 {
		t.Errorf("the last call of exit: %+v", jumps)
	}
	if jumps := m.Jumps("start"); jumps != nil {
		t.Errorf("init ends with no call: %+v", jumps)
	}
	for name, want := range map[string]bool{"msleep": true, "start": false, "mod_timer": false} {
		if m.Refers(func(other string) bool { return other == name }) != want {
			t.Errorf("refers to %s: %t", name, !want)
		}
	}
	if o := m.Object("start", after(t, m, "start", "mutex_lock")); o.Name != "never" || o.Section != ".data" {
		t.Errorf("the second lock is %+v", o)
	}
	if o := m.Object("endless", after(t, m, "endless", "msleep")); o.Name != "" {
		t.Errorf("a number is %+v", o)
	}
}

// FuzzOpen: any bytes yield an answer or an error.
func FuzzOpen(f *testing.F) {
	f.Add(compile(f), uint64(9))
	f.Fuzz(func(t *testing.T, b []byte, offset uint64) {
		m, err := Open(b)
		if err != nil {
			return
		}
		for name := range m.funcs {
			m.Callee(name, offset)
			m.Object(name, offset)
			m.Flow(name, offset)
			m.Jumps(name)
		}
	})
}
