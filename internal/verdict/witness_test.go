// SPDX-License-Identifier: MIT

package verdict

import (
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
			"left in do_exit, if it is not one of kvm, which stayed loaded",
		},
		"a hook of what was there before": {
			&evidence.Witness{First: view("kvm"), Last: hooks("kvm")}, nil, result.Leak, "left in do_exit",
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
