// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// TestExits: what a task's end is told as, and when a use of it is one after free.
func TestExits(t *testing.T) {
	at := int64(1)
	came := result.TargetExit{
		Target: "sleep", Module: "m", Nth: 2, Uses: 2, Made: true, Ended: true, Reaped: true, PID: 9, Function: "send_sig",
		Site: "look+0x1c [m]", File: "m.c", Line: 7, AtNS: &at,
	}
	with := func(change func(*result.TargetExit)) result.TargetExit {
		x := came
		change(&x)
		return x
	}
	for name, test := range map[string]struct {
		exit  result.TargetExit
		class result.Class
		says  string
	}{
		"ended": {came, result.Pass, "; sleep[9] was ended just before send_sig in look+0x1c [m] (m.c:7)"},
		"lives on": {
			with(func(x *result.TargetExit) { x.Ended, x.Reaped = false, false }), result.Pass, "sleep[9] did not end",
		},
		"no place":  {with(func(x *result.TargetExit) { x.Site = "" }), result.Pass, "just before send_sig"},
		"not found": {result.TargetExit{Target: "sleep", Module: "m", Nth: 1}, result.Pass, "m used no task named sleep"},
		"too few":   {result.TargetExit{Target: "sleep", Module: "m", Nth: 3, Uses: 1}, result.Pass, "sleep only 1 time, so"},
		"unknown":   {result.TargetExit{Target: "sleep", Unknown: "it is gone"}, result.Pass, "is not known: it is gone"},
		"unheld": {
			with(func(x *result.TargetExit) { x.Unheld = true }), result.Oops,
			"use after free: nobody had a reference to sleep[9] when it had ended, and send_sig in look+0x1c [m] (m.c:7) uses it",
		},
	} {
		v := Judge(&evidence.Evidence{Finished: true, Unloaded: true}, &result.Result{Exits: []result.TargetExit{test.exit}})
		if v.Class != test.class || !strings.Contains(v.Message, test.says) {
			t.Errorf("%s: %s: %s; want %s: … %s", name, v.Class, v.Message, test.class, test.says)
		}
	}
}

// TestExitRefuses: a load that init refuses after the task had ended was asked for.
func TestExitRefuses(t *testing.T) {
	e := &evidence.Evidence{Finished: true, Studied: []string{"m"}}
	e.Failures = []evidence.Failure{{Kind: evidence.Load, Module: "m", Errno: 3}}
	e.Failing = []evidence.Failing{{
		Target: "sleep", Module: "m", Nth: 1, Loads: 1, Load: 1, At: 1, InInit: true, End: evidence.Gone, Calls: 1,
		Symbols: []string{"pid_task"},
	}}
	m := newMaker(e)
	if x := m.exits(); len(x) != 1 || len(m.failures()) != 0 || x[0].Function != "pid_task" || !x[0].Reaped {
		t.Errorf("%+v", x)
	}
	res := &result.Result{Exits: []result.TargetExit{
		{Target: "sleep", PID: 9, Made: true, Ended: true, Function: "pid_task"},
	}}
	v := Judge(e, res)
	const want = "init of m returned -ESRCH after sleep[9] was ended just before pid_task"
	if v.Class != result.Pass || !strings.Contains(v.Message, want) {
		t.Errorf("%+v", v)
	}
}
