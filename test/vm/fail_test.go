// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

const failDir = "testdata/fail"

// failTest is a module that gets one failure, and what must become of it.
type failTest struct {
	module string
	fail   kmodlab.Fail
	class  result.Class
	// says are parts of the verdict's message; %fails and %leak stand for file:line of the comments in the source.
	says     []string
	returned string // "": the call never comes
	calls    uint64
	tests    []kmodlab.Test
}

var failTests = map[string]failTest{
	"nothing fails": {
		module: "fail_unwinds", fail: kmodlab.Fail{Call: "kmalloc", Nth: 3}, class: result.Pass, calls: 2,
		says: []string{"1 module loaded and unloaded", "fail_unwinds made only 2 calls of kmalloc, so call 3 did not fail"},
	},
	"unwinds memory": {
		module: "fail_unwinds", fail: kmodlab.Fail{Call: "kzalloc", Nth: 2}, class: result.Pass, calls: 2, returned: "NULL",
		says: []string{"init of fail_unwinds returned -ENOMEM", "call 2 of kzalloc in ", "nothing was left behind"},
	},
	"unwinds a thread": {
		module: "fail_unwinds", fail: kmodlab.Fail{Call: "kthread_run", Module: "fail-unwinds"}, class: result.Pass, calls: 1,
		returned: "ERR_PTR(-ENOMEM)",
		says:     []string{"init of fail_unwinds returned -ENOMEM", "(%fails)", "nothing was left behind"},
	},
	"leaks": {
		module: "fail_leaks", fail: kmodlab.Fail{Call: "kmalloc", Nth: 2}, class: result.Leak, calls: 2, returned: "NULL",
		says: []string{"100 bytes (", "%leak)", "call 2 of kmalloc in ", "(%fails)"},
	},
	"ignores": {
		module: "fail_ignores", fail: kmodlab.Fail{Call: "kthread_create_on_node"}, class: result.Oops, calls: 1,
		returned: "ERR_PTR(-ENOMEM)", says: []string{"kthread_stop", "(%fails)"},
	},
	"leaves a thread": {
		module: "fail_thread_left", fail: kmodlab.Fail{Call: "kthread_run", Nth: 2}, class: result.Leak, calls: 2,
		returned: "ERR_PTR(-ENOMEM)", says: []string{"still alive", "fail_life/0", "(%fails)"},
	},
	"a last call": {
		module: "fail_last_call", fail: kmodlab.Fail{Call: "misc_register"}, class: result.Pass, calls: 1, returned: "-EBUSY",
		says: []string{"init of fail_last_call returned -EBUSY", "(%fails)", "nothing was left behind"},
	},
	"a wait": {
		module: "fail_waits", fail: kmodlab.Fail{Call: "wait_event_interruptible"}, class: result.Pass, calls: 1,
		returned: "-ERESTARTSYS", says: []string{"init of fail_waits returned -EINTR", "(%fails)"},
	},
	"a request, which the tracer follows": {
		module: "fail_asks", fail: kmodlab.Fail{Call: "request_module"}, class: result.Pass, calls: 1, returned: "-ENOENT",
		says: []string{"1 module loaded and unloaded", "call 1 of request_module in ", "(%fails)"},
	},
	"a copy": {
		module: "fail_copies", fail: kmodlab.Fail{Call: "copy_from_user"}, class: result.Pass, calls: 2, returned: "4",
		says:  []string{"1 test passed", "call 1 of copy_from_user in ", "(%fails)"},
		tests: []kmodlab.Test{{Program: failDir + "/write.sh"}},
	},
}

// TestFail: a call of a module fails, and only that; what follows is judged; a recording tells the same.
func TestFail(t *testing.T) {
	needs.VM(t)
	for _, kernel := range debugKernels() {
		t.Run(strings.TrimPrefix(kernel, "debian:"), func(t *testing.T) {
			for name, test := range failTests {
				t.Run(name, func(t *testing.T) { test.run(t, kernel) })
			}
		})
	}
}

func (f failTest) run(t *testing.T, kernel string) {
	fail := f.fail
	end := conclude(t, kmodlab.Spec{
		Dir: failDir, Load: []string{f.module}, For: kmodlab.NoWait, World: kmodlab.World{Fail: &fail}, Tests: f.tests,
		Machine: kmodlab.Machine{Kernel: kernel}, Observe: kmodlab.Observe{Record: true},
	})
	r := end.Result
	fails, leak := markedLine(t, f.module, "fails"), markedLine(t, f.module, "leak")
	says := strings.NewReplacer("%fails", fails, "%leak", leak)
	if r.Verdict.Class != f.class {
		t.Errorf("verdict %+v", r.Verdict)
	}
	for _, part := range f.says {
		if part = says.Replace(part); !strings.Contains(r.Verdict.Message, part) {
			t.Errorf("the message lacks %q: %s", part, r.Verdict.Message)
		}
	}
	if len(r.Failures) != 1 {
		t.Fatalf("failures %+v", r.Failures)
	}
	c := r.Failures[0]
	if c.Made != (f.returned != "") || c.Returned != f.returned || c.Calls != f.calls || c.Module != f.module {
		t.Errorf("failure %+v", c)
	}
	for _, m := range r.Modules {
		if m.Name != f.module {
			t.Errorf("the result has a module %s", m.Name)
		}
	}
	for text, want := range map[string]string{
		"nothing came":            "nothing came: 0", // the copy's destination is cleared
		"request_module returned": "request_module returned -2",
	} {
		for _, m := range r.Messages {
			if strings.Contains(m.Text, text) && !strings.HasSuffix(m.Text, want) {
				t.Errorf("the module says %q, want … %s", m.Text, want)
			}
		}
	}
	if c.Made && f.module != "fail_copies" && f.module != "fail_asks" && !strings.Contains(c.By.Comm, "modprobe") {
		t.Errorf("it is a call of %+v", c.By)
	}
	wantSame(t, end)
}

// markedLine is file:line of a comment in a module's source, "" if it has none.
func markedLine(t *testing.T, module, mark string) string {
	t.Helper()
	data, err := os.ReadFile(failDir + "/" + module + ".c")
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(data), "/* "+mark+" */")
	if !found {
		return ""
	}
	return module + ".c:" + strconv.Itoa(strings.Count(before, "\n")+1)
}

// TestFailUnfit: what cannot be made to fail is refused before anything boots, with what the module does call.
func TestFailUnfit(t *testing.T) {
	needs.VM(t)
	for name, test := range map[string]struct {
		fail    kmodlab.Fail
		load    []string
		message string
		hint    string
	}{
		"mistyped": {
			kmodlab.Fail{Call: "kmaloc"}, []string{"fail_leaks"},
			"kmaloc is no call that can be made to fail: did you mean kmalloc?", "fail_leaks calls kmalloc; ",
		},
		"not called": {
			kmodlab.Fail{Call: "kthread_create_on_node"}, []string{"fail_leaks"},
			"fail_leaks calls no kthread_create_on_node", "fail_leaks calls kmalloc; ",
		},
		"whose": {
			kmodlab.Fail{Call: "kmalloc"}, []string{"fail_leaks", "fail_unwinds"},
			"whose call of kmalloc is to fail?", "--fail kmalloc#1@",
		},
		"nobody's": {
			kmodlab.Fail{Call: "kmalloc", Module: "victim"}, []string{"fail_leaks"},
			"no call of victim can be watched", "there are fail_",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := runVM(t, kmodlab.Spec{Dir: failDir, Load: test.load, World: kmodlab.World{Fail: &test.fail}})
			v := r.Verdict
			told := strings.Contains(v.Message, test.message) && strings.Contains(v.Hint, test.hint)
			if v.Class != result.Preflight || !told {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}
