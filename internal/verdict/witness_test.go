// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/witness"
	"github.com/kmodlab/kmodlab/result"
)

// TestWitness: a lie of the guest's goes before all that the guest says; what the kernel's own means have left hooked,
// and what could not be seen, goes behind what is known better.
func TestWitness(t *testing.T) {
	view := func(modules ...string) *witness.View {
		v := &witness.View{}
		for _, name := range modules {
			v.Modules = append(v.Modules, witness.Module{Name: name})
		}
		return v
	}
	hooks := func(modules ...string) *witness.View {
		v := view(modules...)
		v.Hooked = []string{"do_exit"}
		return v
	}
	inUse := evidence.Failure{Kind: evidence.Unload, Message: "m is in use"}
	refused := evidence.Failure{Kind: evidence.Load, Message: "init failed"}
	for name, tt := range map[string]struct {
		witness  *evidence.Witness
		failures []evidence.Failure
		class    result.Class
		message  string
	}{
		"none":            {nil, nil, result.Pass, ""},
		"as it says":      {&evidence.Witness{First: view(), Last: view()}, nil, result.Pass, ""},
		"never looked at": {&evidence.Witness{Why: "no types"}, nil, result.Pass, ""},
		"a lie": {
			&evidence.Witness{First: view(), Last: view(), Differences: []string{"module m is in memory"}},
			[]evidence.Failure{refused}, result.Lost, "module m is in memory",
		},
		"a hook is left": {&evidence.Witness{First: view(), Last: hooks()}, nil, result.Leak, "left in do_exit"},
		"a hook is left, and init failed": {
			&evidence.Witness{First: view(), Last: hooks()}, []evidence.Failure{refused}, result.Load, "init failed",
		},
		"a hook of a module that stays": {
			&evidence.Witness{First: view(), Last: hooks("m")}, []evidence.Failure{inUse}, result.Load, "in use",
		},
		"a hook that may be another's": {
			&evidence.Witness{First: view(), Last: hooks("kvm")}, nil, result.Leak,
			"left in do_exit (unless it belongs to kvm, which is still loaded)",
		},
		"a hook that may be one of several's": {
			&evidence.Witness{First: view(), Last: hooks("kvm", "kvm_intel")}, nil, result.Leak,
			"left in do_exit (unless it belongs to kvm, kvm_intel, which are still loaded)",
		},
		"a hook of what was there before": {
			&evidence.Witness{First: view("kvm"), Last: hooks("kvm")}, nil, result.Leak, "left in do_exit",
		},
		"only a first look": {
			&evidence.Witness{First: view("m")}, nil, result.Lost, "one of the two views of its memory is missing",
		},
		"only a last look": {&evidence.Witness{Last: hooks("m")}, nil, result.Pass, ""},
		"only a last look, and a lie": {
			&evidence.Witness{Last: hooks("m"), Differences: []string{"it lies"}}, nil, result.Lost, "it lies",
		},
		"not understood any more": {
			&evidence.Witness{First: view(), Why: "nothing is mapped at 0x1"}, nil, result.Lost, "nothing is mapped at 0x1",
		},
		"not understood any more, and init failed": {
			&evidence.Witness{First: view(), Why: "nothing is mapped at 0x1"}, []evidence.Failure{refused}, result.Load, "",
		},
	} {
		e := &evidence.Evidence{Finished: true, Failures: tt.failures, Studied: []string{"m"}, Witness: tt.witness}
		v := Judge(e, &result.Result{Witness: seen(tt.witness)})
		if v.Class != tt.class || !strings.Contains(v.Message, tt.message) || name == "a hook of a module that stays" &&
			len(v.Also) > 0 {
			t.Errorf("%s: %s: %s", name, v.Class, v.Message)
		}
	}
}

// TestStayedMany: a recording may have as many modules as a look may find.
func TestStayedMany(t *testing.T) {
	var first, last witness.View
	for i := range 200_000 {
		first.Modules = append(first.Modules, witness.Module{Name: fmt.Sprint("a", i)})
		last.Modules = append(last.Modules, witness.Module{Name: fmt.Sprint("b", i)})
	}
	last.Modules[0].Name = "a7"
	if n := len(stayed(&first, &last)); n != len(last.Modules)-1 {
		t.Errorf("%d stayed", n)
	}
}
