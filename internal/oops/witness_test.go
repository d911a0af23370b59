// SPDX-License-Identifier: MIT

package oops

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestBelieves(t *testing.T) {
	const (
		stack = "CPU: 0 PID: 7 Comm: modprobe Tainted: G           OE      6.1.0\nCall Trace:\n <TASK>\n" +
			" dump_stack_lvl+0x44/0x5c\n own_init+0x14/0x1000 [own]\n do_one_initcall+0x56/0x230\n </TASK>\n"
		trap = "CPU: 0 PID: 7 Comm: modprobe Tainted: G           OE      6.1.0\nRIP: 0010:own_init+0x14/0x1000 [own]\n" +
			"Call Trace:\n <TASK>\n do_one_initcall+0x56/0x230\n </TASK>\n---[ end trace 0000000000000000 ]---\n"
	)
	answered := func(taint uint64) Witness {
		return Witness{Answered: true, Tainted: true, Taint: taint, Modules: []string{"own"}}
	}
	dead := Witness{Modules: []string{"own"}}
	for name, tt := range map[string]struct {
		console string
		w       Witness
		want    bool
	}{
		"a line of the module's":             {"BUG: the cable is loose\n", answered(0), false},
		"a line, and the guest goes away":    {"BUG: the cable is loose\nown: more\nown: and more\n", dead, false},
		"the last line of a guest that died": {"BUG: kernel NULL pointer dereference, address: 0000000000000000\n", dead, true},
		"a stack of the module's":            {"BUG: the cable is loose\n" + stack, answered(0), false},
		"an oops": {
			"BUG: kernel NULL pointer dereference, address: 0000000000000000\n#PF: supervisor read access in kernel mode\n" +
				"Oops: 0000 [#1] PREEMPT SMP PTI\n" + trap, answered(TaintDie), true,
		},
		"an oops that the mask does not know": {
			"BUG: kernel NULL pointer dereference, address: 0000000000000000\n" + stack, answered(TaintWarn), false,
		},
		"an oops of a guest that died": {
			"BUG: kernel NULL pointer dereference, address: 0000000000000000\nOops: 0000 [#1] SMP\n" + trap, dead, true,
		},
		"a BUG that says what it is": {
			"list_del corruption. prev->next should be ffff888, but was 0\n------------[ cut here ]------------\n" +
				"kernel BUG at lib/list_debug.c:59!\ninvalid opcode: 0000 [#1] PREEMPT SMP PTI\n" + trap, answered(TaintDie), true,
		},
		"a panic of a guest that answers": {"Kernel panic - not syncing: only a test\n" + stack, answered(0), false},
		"a panic":                         {"Kernel panic - not syncing: out of ideas\n" + stack, dead, true},
		"a WARNING": {
			"WARNING: CPU: 0 PID: 7 at /src/own.c:3 own_init+0x14/0x1000 [own]\nModules linked in: own(OE)\n" + trap,
			answered(TaintWarn), true,
		},
		"a WARNING that the mask does not know": {
			"WARNING: CPU: 0 PID: 7 at /src/own.c:3 own_init+0x14/0x1000 [own]\nModules linked in: own(OE)\n" + trap,
			answered(0), false,
		},
		"a mask that was not read": {
			"WARNING: CPU: 0 PID: 7 at /src/own.c:3 own_init+0x14/0x1000 [own]\nModules linked in: own(OE)\n" + trap,
			Witness{Answered: true}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			crashes := Parse([]byte(tt.console))
			if len(crashes) != 1 {
				t.Fatalf("%d reports", len(crashes))
			}
			if got := tt.w.Believes(&crashes[0]); got != tt.want {
				t.Errorf("%v, want %v: %+v", got, tt.want, crashes[0])
			}
		})
	}
}

// TestBodies: every real report of the corpus has a body, and sets a bit if the kernel's sources say so.
func TestBodies(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*.txt", "testdata/corpus/*.log"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	seen := 0
	for _, file := range files {
		console, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range Parse(console) {
			seen++
			if !HasBody(&c) && !c.Truncated && c.Class != result.Panic {
				t.Errorf("%s: %s has no body:\n%q", file, c.Title, c.Log)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d reports in %d files: that proves little", seen, len(files))
	}
}

// TestStrangeHeader: a line that looks like a header takes no real report's place.
func TestStrangeHeader(t *testing.T) {
	crashes := Parse([]byte("BUG: the cable is loose\nown: it is ignored\n" +
		"BUG: kernel NULL pointer dereference, address: 0000000000000000\n#PF: supervisor read access in kernel mode\n" +
		"Oops: 0000 [#1] PREEMPT SMP PTI\nCPU: 0 PID: 7 Comm: modprobe Tainted: G  OE  6.1.0\nRIP: 0010:f+0x1/0x2 [own]\n"))
	if len(crashes) != 2 || crashes[1].Type != "null-dereference" || !HasBody(&crashes[1]) || HasBody(&crashes[0]) {
		t.Errorf("%+v", crashes)
	}
}

// TestParseExcept: a report whose first line a module prints itself is none, and hides none that follows.
func TestParseExcept(t *testing.T) {
	const console = `[    1.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[    1.000000] rcu:     0-....: (5249 ticks this GP)
[    1.000100] BUG: the fan is broken
[    1.000200] general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP
[    1.000300] RIP: 0010:f+0x1/0x2 [m]
[    1.000400] Call Trace:
[    1.000500]  f+0x1/0x2 [m]
[    1.000600] ---[ end trace 0000000000000000 ]---
`
	printed := func(line string) bool {
		return strings.HasSuffix(line, "stall on CPU") || line == "BUG: the fan is broken"
	}
	crashes := ParseExcept([]byte(console), printed)
	if len(crashes) != 1 || crashes[0].Type != "general-protection" {
		t.Errorf("found %+v, want the fault alone", crashes)
	}
	w := new(Watch)
	w.Except(printed)
	w.Write([]byte(console[:strings.Index(console, "general")-len("[    1.000200] ")]))
	if w.HasCrashed() {
		t.Error("a line that a module prints ends the run")
	}
	w.Write([]byte(console))
	if !w.HasCrashed() {
		t.Error("the fault was not noticed")
	}
}
