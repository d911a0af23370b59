// SPDX-License-Identifier: MIT

package agree

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestContradictions(t *testing.T) {
	at := int64(1)
	loaded := result.Module{Name: "m", Loaded: true, Unloaded: true, LoadedNS: &at}
	crash := result.Crash{
		Class: result.Oops, Type: "null-dereference", Title: "BUG: kernel NULL pointer dereference",
		Task: &result.Task{Comm: "K1", PID: 7},
	}
	verdict := func(class result.Class, message string) result.Verdict {
		return result.Verdict{Class: class, Message: message}
	}
	for name, tt := range map[string]struct {
		r    result.Result
		want string // "" for none
	}{
		"a pass": {result.Result{
			Verdict: verdict(result.Pass, "fine, no complaint from the kernel"), Modules: []result.Module{loaded},
			Taint: []string{"out-of-tree module"},
		}, ""},
		"a pass with a leak": {result.Result{
			Verdict: verdict(result.Pass, "fine"), Leaks: []result.Leftover{{Kind: "memory", What: "8 bytes"}},
		}, "1 leaks"},
		"a pass and a taint": {result.Result{
			Verdict: verdict(result.Pass, "fine, no complaint from the kernel"), Taint: []string{"earlier warning"},
		}, "it is tainted"},
		"a refusal": {result.Result{
			Verdict: verdict(result.Load, "modprobe m: the init function of m returned -ENODEV"),
			Modules: []result.Module{{Name: "m", LoadedNS: &at, InitRet: -19}},
		}, ""},
		"a refusal that was asked for": {result.Result{
			Verdict:  verdict(result.Pass, "init of m returned -ENOMEM after a call was made to fail"),
			Modules:  []result.Module{{Name: "m", LoadedNS: &at, InitRet: -12}},
			Failures: []result.FailedCall{{Module: "m", Made: true, InInit: true}},
		}, ""},
		"a refusal after a task ended": {result.Result{
			Verdict: verdict(result.Pass, "init of m returned -ESRCH after t[9] was ended just before pid_task"),
			Modules: []result.Module{{Name: "m", LoadedNS: &at, InitRet: -3}},
			Exits:   []result.TargetExit{{Module: "m", Made: true, InInit: true}},
		}, ""},
		"a use after free of a task": {result.Result{
			Verdict: verdict(result.Oops, "use after free: nobody had a reference to t[9]"),
			Exits:   []result.TargetExit{{Module: "m", Made: true, Unheld: true}},
		}, ""},
		"a refusal that was not": {result.Result{
			Verdict:  verdict(result.Pass, "fine, no complaint from the kernel"),
			Modules:  []result.Module{{Name: "m", LoadedNS: &at, InitRet: -12}},
			Failures: []result.FailedCall{{Module: "m", Made: true}},
		}, "although the init of m returned -12"},
		"a refusal without its errno": {result.Result{
			Verdict: verdict(result.Load, "modprobe m: the init function of m returned -ENODEV"),
			Modules: []result.Module{{Name: "m", LoadedNS: &at}},
		}, "the JSON says that it returned 0"},
		"a positive init": {result.Result{
			Verdict: verdict(result.Load, "init of m returned 1, which is neither 0 nor a negative errno"),
			Modules: []result.Module{loaded},
		}, "a positive number"},
		"an oops of nothing": {result.Result{Verdict: verdict(result.Oops, "BUG: kernel NULL pointer dereference")},
			"without a report"},
		"tests": {result.Result{
			Verdict: verdict(result.TestFailed, "b failed"), Tests: []result.Test{
				{Name: "a", Outcome: result.TestPass, Subtests: []result.Subtest{
					{Name: "x", Outcome: result.TestPass, Tests: []result.Subtest{{Name: "y", Outcome: result.TestSkip}}},
				}},
				{Name: "b", Outcome: result.TestFail, Reason: "exit status 1", Exit: 1, Output: "  pass  no\n\nok 1 no\n"},
				{Name: "c", Outcome: result.TestNotRun, Reason: "the run had ended", Exit: -1},
			},
		}, ""},
		"a pass without its tests": {result.Result{
			Verdict: verdict(result.Pass, "fine"), Tests: []result.Test{{Name: "a", Outcome: result.TestNotRun, Reason: "x"}},
		}, "1 did not run"},
		"a verdict of no test": {result.Result{
			Verdict: verdict(result.TestFailed, "a failed"), Tests: []result.Test{{Name: "a", Outcome: result.TestPass}},
		}, "no test failed"},
		"a test that passes with a failure": {result.Result{
			Verdict: verdict(result.Pass, "fine"), Tests: []result.Test{{Name: "a", Outcome: result.TestPass,
				Subtests: []result.Subtest{{Name: "x", Outcome: result.TestFail}}}},
		}, "a subtest of it does not"},
		"a call of nobody": {result.Result{
			Verdict: verdict(result.Pass, "fine"), Calls: []result.Call{{Name: "read", By: result.Task{PID: 7}}},
		}, "which is no process"},
		"a process of no test": {result.Result{
			Verdict: verdict(result.Pass, "fine"), Processes: []result.Process{{Task: result.Task{PID: 7}, Test: 1}},
		}, "belongs to test 1 of 0"},
		"a hang of nobody":  {result.Result{Verdict: verdict(result.Hung, "waits")}, "without a task"},
		"a leak of nothing": {result.Result{Verdict: verdict(result.Leak, "left behind: /proc/x")}, "nothing left"},
		"a thread that died": {result.Result{
			Verdict: verdict(result.Oops, "BUG"), Crashes: []result.Crash{crash},
			Threads: []result.Thread{{Name: "K1", PID: 7, Ended: "crashed"}},
		}, ""},
		"a thread that died and returned": {result.Result{
			Verdict: verdict(result.Oops, "BUG"), Crashes: []result.Crash{crash},
			Threads: []result.Thread{{Name: "K1", PID: 7, Ended: "returned 0"}},
		}, "K1[7] crashed"},
		"a thread that lives and ended": {result.Result{
			Verdict: verdict(result.Pass, "1 kernel thread born and ended"),
			Threads: []result.Thread{{Name: "K1", PID: 7, Alive: true}},
		}, "all threads ended"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Contradictions(&tt.r), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
