// SPDX-License-Identifier: MIT

package rundiff

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestTests(t *testing.T) {
	sub := func(name string, outcome result.TestOutcome, of ...result.Subtest) result.Subtest {
		return result.Subtest{Name: name, Outcome: outcome, Tests: of}
	}
	a := &result.Result{Tests: []result.Test{
		{Name: "look.sh", Outcome: result.TestPass, PID: 100},
		{Name: "hw", Outcome: result.TestPass, Subtests: []result.Subtest{
			sub("suite", result.TestPass, sub("reads", result.TestPass), sub("writes", result.TestPass)),
			sub("x", result.TestSkip),
		}},
		{Name: "slow", Outcome: result.TestFail, Reason: "it did not end within 5 s"},
	}}
	b := &result.Result{Tests: []result.Test{
		{Name: "look.sh", Outcome: result.TestPass, PID: 200},
		{Name: "hw", Outcome: result.TestFail, Reason: "1 of 3 subtests failed: writes", Subtests: []result.Subtest{
			sub("suite", result.TestFail, sub("reads", result.TestPass), sub("writes", result.TestFail)),
			sub("y", result.TestFail),
		}},
		{Name: "hw", Outcome: result.TestPass, Subtests: []result.Subtest{sub("fine", result.TestPass),
			sub("inner", result.TestFail)}},
		{Name: "slow", Outcome: result.TestFail, Reason: "exit status 1"},
	}}
	const want = `test hw: outcome: pass > fail: 1 of 3 subtests failed: writes
test hw: suite: outcome: pass > fail
test hw: suite: writes: outcome: pass > fail
test hw: x: outcome: skip > 
test hw: y: outcome:  > fail
test slow: outcome: fail: it did not end within 5 s > fail: exit status 1
test hw, number 2: outcome:  > pass
test hw, number 2: inner: outcome:  > fail`
	if got := shown(Compare(a, b)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := shown(Compare(b, b)); got != "" {
		t.Errorf("the same: %s", got)
	}
}

// TestCalls: what calls return is compared, and not how often they came, nor what differs between any two runs.
func TestCalls(t *testing.T) {
	run := func(calls ...result.Call) *result.Result { return &result.Result{Calls: calls} }
	call := func(name, args string, fd int, ret int64) result.Call {
		return result.Call{By: result.Task{Comm: "t", PID: fd + 100}, Name: name, File: "/dev/hw", FD: fd, Args: args,
			Ret: &ret}
	}
	part := call("read", "16 bytes", 3, 6)
	part.Omitted = 9
	before := run(call("openat", "O_RDWR", 3, 3), call("read", "16 bytes", 3, 6), call("read", "16 bytes", 3, 6),
		call("ioctl", "request 0x4801, argument 0x7ffd00112233", 3, 0), call("ioctl", "request 0x4802, argument 0x0", 3, 0),
		call("mmap", "4096 bytes, PROT_READ", 3, 0x7f0000000000), call("write", "1 byte", 3, 1))
	for _, test := range []struct {
		name  string
		after *result.Result
		want  string
	}{
		{"the same", run(call("openat", "O_RDWR", 4, 4), call("read", "16 bytes", 4, 6),
			call("ioctl", "request 0x4801, argument 0x7ffe99887766", 4, 0),
			call("mmap", "4096 bytes, PROT_READ", 4, 0x7e0000000000)),
			""},
		{"refused", run(call("openat", "O_RDWR", -1, -16), call("ioctl", "request 0x4801, argument 0x7ffe99887766", 4, -25),
			call("ioctl", "request 0x4802, argument 0x0", 4, 0)),
			"call openat /dev/hw (O_RDWR) by t: returned: a descriptor > -EBUSY\n" +
				"call ioctl /dev/hw (request 0x4801) by t: returned: 0 > -ENOTTY"},
		{"now and then", run(call("read", "16 bytes", 4, 6), call("read", "16 bytes", 4, -11), result.Call{Name: "write",
			By: result.Task{Comm: "t"}, File: "/dev/hw", Args: "1 byte"}),
			"call read /dev/hw (16 bytes) by t: returned: 6 > 6, -EAGAIN\n" +
				"call write /dev/hw (1 byte) by t: returned: 1 > nothing yet"},
		{"in part", run(part, call("read", "16 bytes", 4, 2)), ""},
		{"none", run(), ""},
		{"not recorded", &result.Result{Unknown: map[string]string{"call_entered": "x"},
			Calls: []result.Call{call("read", "16 bytes", 3, -5)}}, ""},
	} {
		d := Compare(before, test.after)
		if got := shown(d); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}
