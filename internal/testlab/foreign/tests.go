// SPDX-License-Identifier: MIT

package foreign

import "github.com/kmodlab/kmodlab/result"

// AddTests adds to a result what programs beside a module may leave in it: tests of each outcome with subtests, their
// processes, and calls on files. Poison finds every text of it.
func AddTests(r *result.Result) {
	at := func(ns int64) *int64 { return &ns }
	task := func(pid int) result.Task { return result.Task{Comm: "t", PID: pid} }
	sub := func(outcome result.TestOutcome, of ...result.Subtest) result.Subtest {
		return result.Subtest{Name: "n", Outcome: outcome, Reason: "r", Notes: []string{"a", "b", "c"}, Tests: of}
	}
	of := func(pid int, outcome result.TestOutcome) result.Test {
		from := int64(pid) * 1000
		return result.Test{Name: "n", Argv: []string{"a", "b"}, User: "u", Outcome: outcome, Reason: "r", PID: pid,
			StartNS: at(from), EndNS: at(from + 900), MS: 3, Output: "o", Omitted: 5, Left: []string{"l"}, Untold: 2,
			Subtests: []result.Subtest{sub(result.TestFail, sub(result.TestPass), sub(result.TestFail)),
				sub(result.TestSkip), sub(result.TestXFail), sub(result.TestPass)}}
	}
	killed := of(4000, result.TestFail)
	killed.Exit, killed.Signal = 139, "SIGSEGV"
	killed.Place = &result.Place{Object: "o", Function: "f", File: "c", Line: 3}
	r.Tests = append(r.Tests, of(4010, result.TestPass), of(4020, result.TestSkip), killed,
		result.Test{Name: "n", Outcome: result.TestNotRun, Reason: "r", Exit: -1})
	r.Processes = append(r.Processes,
		result.Process{Task: task(4010), Test: 0, Parent: 1, StartNS: at(4_010_000), EndNS: at(4_010_900), Exit: new(int),
			Execs: []result.Exec{{AtNS: 4_010_010, Path: "p"}}},
		result.Process{Task: task(4011), Test: 0, Parent: 4010, StartNS: at(4_010_100), EndNS: at(4_010_800),
			KilledBy: "SIGTERM", Execs: []result.Exec{{AtNS: 4_010_110, Path: "p"}, {AtNS: 4_010_120, Path: "q"}}},
		result.Process{Task: task(4012), Test: 0, Parent: 4011, StartNS: at(4_010_200)})
	call := result.Call{By: task(4011), Name: "c", File: "f", FD: 3, Module: "m", Args: "a", Ret: at(-25), AtNS: 4_010_300,
		EndNS: at(4_010_310), Serving: "s", Omitted: 7}
	open := call
	open.Ret, open.EndNS, open.AtNS = nil, nil, 4_010_500
	good := call
	good.Ret, good.AtNS, good.EndNS, good.By = at(6), 4_010_400, at(4_010_450), task(4012)
	r.Calls = append(r.Calls, call, call, good, open)
}
