// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// TestFailing: a load that init refuses after a call was made to fail was asked for, and no other one.
func TestFailing(t *testing.T) {
	const message = "modprobe m: the init function of m returned -ENOMEM"
	made := evidence.Failing{
		Call: "kmalloc", Module: "m", Symbols: []string{"__kmalloc"}, Nth: 2, Calls: 2, Loads: 1, At: 0x1000, Load: 1,
		InInit: true, Comm: "modprobe", PID: 7,
	}
	refused := &evidence.Failure{Kind: evidence.Load, Message: message, Module: "m", Errno: 12}
	with := func(change func(*evidence.Failing)) evidence.Failing {
		f := made
		change(&f)
		return f
	}
	for name, test := range map[string]struct {
		failing evidence.Failing
		load    *evidence.Failure
		class   result.Class
		says    string
	}{
		"asked for":        {made, refused, result.Pass, "init of m returned -ENOMEM after call 2 of kmalloc was made to return NULL"},
		"it never came":    {with(func(f *evidence.Failing) { f.At, f.Calls = 0, 1 }), refused, result.Load, message},
		"not in init":      {with(func(f *evidence.Failing) { f.InInit = false }), refused, result.Load, message},
		"an earlier load":  {with(func(f *evidence.Failing) { f.Loads = 2 }), refused, result.Load, message},
		"another module's": {with(func(f *evidence.Failing) { f.Module = "n" }), refused, result.Load, message},
		"not known":        {with(func(f *evidence.Failing) { f.Unread = "it is gone" }), refused, result.Load, message},
		"not by init": {
			made, &evidence.Failure{Kind: evidence.Load, Message: "modprobe m: it is not there"}, result.Load, "it is not there",
		},
		"init copes": {made, nil, result.Pass, "; call 2 of kmalloc was made to return NULL"},
		"too few": {
			with(func(f *evidence.Failing) { f.At, f.Calls = 0, 1 }), nil, result.Pass,
			"; m made only 1 call of kmalloc, so call 2 did not fail",
		},
	} {
		e := &evidence.Evidence{Finished: true, Unloaded: test.load == nil, Studied: []string{"m"}}
		e.Failing = []evidence.Failing{test.failing}
		if test.load != nil {
			e.Failures = []evidence.Failure{*test.load}
		}
		res := &result.Result{Failures: []result.FailedCall{{
			Function: test.failing.Call, Module: test.failing.Module, Nth: test.failing.Nth, Calls: test.failing.Calls,
			Made: test.failing.Made(), Unknown: test.failing.Unread, Returned: "NULL",
		}}}
		if v := Judge(e, res); v.Class != test.class || !strings.Contains(v.Message, test.says) {
			t.Errorf("%s: %s: %s; want %s: … %s", name, v.Class, v.Message, test.class, test.says)
		}
	}
}

// TestFailingLeaks: what a module leaves when it refuses its load is a leak, also a thread whose code is gone.
func TestFailingLeaks(t *testing.T) {
	e := &evidence.Evidence{Finished: true, Studied: []string{"m"}}
	e.Failures = []evidence.Failure{{Kind: evidence.Load, Module: "m", Errno: 12}}
	e.Failing = []evidence.Failing{{Call: "kthread_run", Module: "m", Nth: 2, Loads: 1, Load: 1, At: 1, InInit: true}}
	res := &result.Result{
		Modules: []result.Module{{Name: "m", InitRet: -12}},
		Threads: []result.Thread{{Name: "t", PID: 9, Function: "life [m]", Alive: true}},
	}
	if v := Judge(e, res); v.Class != result.Leak || !strings.Contains(v.Message, "still alive after unload: t[9]") {
		t.Errorf("%+v", v)
	}
	res.Threads = nil
	res.Leaks = []result.Leftover{{Kind: "memory", What: "100 bytes", Site: "init+0x1 [m]"}}
	if v := Judge(e, res); v.Class != result.Leak || !strings.Contains(v.Message, "100 bytes") {
		t.Errorf("%+v", v)
	}
}
