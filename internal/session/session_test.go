// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// opened is a lab on this machine whose agent misbehaves as it is told. at is called when
// the agent got a call of that name.
func opened(t *testing.T, ctx context.Context, how string, at func(op string)) (*lab.Lab, *notify.Journal) {
	t.Helper()
	t.Setenv(misbehaves, how)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if at == nil {
		at = func(string) {}
	}
	j := notify.New(notify.Watcher{Start: func([]string) { at(started) }, Kmsg: func(line string) {
		if op, ok := strings.CutPrefix(line, "at "); ok {
			at(op)
		}
	}})
	host := &prepare.Host{Options: prepare.Options{Here: true, CacheDir: t.TempDir()}, Agent: self}
	l, err := lab.Open(ctx, host.WithoutModules(), nil, lab.Options{StepTimeout: time.Minute, Record: true}, j)
	if err != nil {
		t.Fatal(err)
	}
	return l, j
}

// started is what opened tells when a command starts.
const started = "start"

// gone sees that nothing of a lab is left: neither its agent nor a goroutine.
func gone(t *testing.T, l *lab.Lab, goroutines int) {
	t.Helper()
	if err := syscall.Kill(l.AgentPID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("agent %d is still there: %v", l.AgentPID, err)
	}
	defer func() {
		if t.Failed() {
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
		}
	}()
	testlab.Eventually(t, fmt.Sprintf("at most %d goroutines, as before", goroutines), func() bool {
		return runtime.NumGoroutine() <= goroutines
	})
}

// calls are what a script of one command asks of the agent, in its order.
var calls = []string{wire.OpTraceStart, wire.OpTraceProve, wire.OpExec, wire.OpModules, wire.OpTraceStop, wire.OpRead}

var oneCommand = Script{Options: Options{StepTimeout: time.Minute}, Steps: []Step{{Argv: []string{"lsmod"}}}}

// TestScriptEnds: whatever an agent does at whichever call, a script ends before any
// deadline, says why, and leaves nothing.
func TestScriptEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, op := range calls {
		for deed, want := range map[string]evidence.Kind{
			"dies": evidence.Lost, "babbles": evidence.Lost, "refuses": evidence.Host, "raves": evidence.Lost,
		} {
			if op == wire.OpRead && deed == "raves" {
				continue // it has no result
			}
			l, j := opened(t, t.Context(), op+" "+deed, nil)
			start := time.Now()
			e := RunScript(t.Context(), l, oneCommand, j)
			if e.Failed(want) == nil || len(e.Failures) != 1 || e.Finished || time.Since(start) > 20*time.Second {
				t.Errorf("an agent that %s at %s: %+v after %s, want %s", deed, op, e.Failures, time.Since(start), want)
			}
			gone(t, l, before)
		}
	}
}

// TestScriptInterrupted: a script is given up at whichever call its context ends.
func TestScriptInterrupted(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, at := range calls {
		ctx, cancel := context.WithCancel(t.Context())
		l, j := opened(t, ctx, at+" hangs", func(op string) {
			if op == at {
				cancel()
			}
		})
		start := time.Now()
		e := RunScript(ctx, l, oneCommand, j)
		if e.Finished || time.Since(start) > 20*time.Second {
			t.Errorf("interrupted at %s: finished %v after %s", at, e.Finished, time.Since(start))
		}
		cancel()
		gone(t, l, before)
	}
}

// TestScriptFinishes: an agent that behaves gets a script to its end.
func TestScriptFinishes(t *testing.T) {
	before := runtime.NumGoroutine()
	l, j := opened(t, t.Context(), "", nil)
	e := RunScript(t.Context(), l, oneCommand, j)
	if e.Taint.Before != oops.TaintWarn || e.Taint.After != oops.TaintWarn || !e.Taint.AtEnd {
		t.Errorf("%+v", e.Taint)
	}
	if len(e.Failures) > 0 || !e.Finished || len(e.Commands) != 1 || e.Trace.Broken != "" ||
		len(e.Trace.Hooks) != 1 || !e.Trace.Hooks[0].Proved {
		t.Errorf("%+v", e)
	}
	gone(t, l, before)
}

// TestWaitCrash: a kernel that crashes while modules run is not waited for any longer
// than its report takes.
func TestWaitCrash(t *testing.T) {
	script := oneCommand
	script.Steps = []Step{{Argv: []string{"lsmod"}, Wait: time.Hour}, {Argv: []string{"rmmod", "m"}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, j := opened(t, ctx, wire.OpExec+" crashes", nil)
	e := RunScript(ctx, l, script, j)
	if len(e.Commands) != 1 || !e.Finished || !e.Cut || !strings.Contains(e.Console, "NULL pointer dereference") {
		t.Errorf("%d commands, finished %v, console %q", len(e.Commands), e.Finished, e.Console)
	}
}

// TestTraceTainted: a trace of a machine whose kernel was tainted before does not taint it.
func TestTraceTainted(t *testing.T) {
	work, interrupter, release := Interruptible(t.Context())
	defer release()
	l, j := opened(t, work, "", nil)
	trace := Trace{Options: Options{StepTimeout: time.Minute}, Missing: func([]event.Event) []string { return nil }}
	trace.Argv = []string{"true"}
	e := RunTrace(work, l, trace, interrupter, j)
	if !e.Finished || e.Taint.Before != oops.TaintWarn || e.Taint.After != oops.TaintWarn {
		t.Errorf("finished %v, %+v: %+v", e.Finished, e.Taint, e.Failures)
	}
}

// TestTraceInterrupted: a trace that goes on is told when its caller has seen enough, and
// its command ends with it; one that has not begun is given up, and one that is at its
// end is not changed.
func TestTraceInterrupted(t *testing.T) {
	before := runtime.NumGoroutine()
	for at, tells := range map[string]bool{
		wire.OpTraceStart: false, wire.OpTraceProve: false, started: true, wire.OpTraceStop: true,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		work, interrupter, release := Interruptible(ctx)
		l, j := opened(t, work, at+" dawdles", func(op string) {
			if op == at {
				cancel()
			}
		})
		trace := Trace{Options: Options{StepTimeout: time.Minute}, Missing: func([]event.Event) []string { return nil }}
		trace.Argv = []string{"sleep", "0"}
		if at == started {
			trace.Argv = []string{"sleep", "20"}
		}
		start := time.Now()
		e := RunTrace(work, l, trace, interrupter, j)
		if e.Finished != tells || (work.Err() == nil) != tells || time.Since(start) > 15*time.Second {
			t.Errorf("interrupted at %s: finished %v, work %v; want %v: %+v", at, e.Finished, work.Err(), tells, e.Failures)
		}
		release()
		cancel()
		gone(t, l, before)
	}
}
