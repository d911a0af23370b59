// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

func hook(h result.Hook) evidence.Hook { return evidence.Hook{Hook: h} }

// TestBlind checks that a kind is known once one of its hooks has fired, in the
// self-test or in the run, and that the best reason is given if none has.
func TestBlind(t *testing.T) {
	const kind = event.ThreadParked
	absent := hook(result.Hook{Name: "a", Target: "f", Note: "no such function", Kinds: []string{kind.String()}})
	silent := hook(result.Hook{Name: "b", Target: "g", Attached: true, Kinds: []string{kind.String()}})
	inTest, inRun := silent, silent
	inTest.FiredBefore, inRun.Fired = 1, 1
	inTest.Prove()
	inRun.Prove()
	for _, test := range []struct {
		name  string
		hooks []evidence.Hook
		want  string
	}{
		{"no hook tells what it writes", []evidence.Hook{hook(result.Hook{Name: "a"})}, ""},
		{"not attached", []evidence.Hook{absent}, "hook a is not attached: no such function"},
		{"never fired", []evidence.Hook{silent, absent}, "hook b on g never fired"},
		{"fired in the self-test", []evidence.Hook{absent, inTest}, ""},
		{"fired in the run", []evidence.Hook{inRun, silent}, ""},
		{
			"a kind that nobody knows", []evidence.Hook{hook(result.Hook{Kinds: []string{"nosuch"}})},
			"no hook on this kernel writes it",
		},
	} {
		if got := blind(test.hooks, nil)[kind]; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := blind([]evidence.Hook{silent}, []event.Event{{Kind: kind}})[kind]; got != "" {
		t.Errorf("a kind of which there is a record: %q, want known", got)
	}
	// What the kernel never does is known; what it refuses to show is not.
	dups := hook(result.Hook{
		Name: "request_duplicate", Note: "this kernel has no function f",
		Kinds: []string{event.RequestDuplicate.String()},
	})
	refused := dups
	refused.Note = "permission denied"
	if got := blind([]evidence.Hook{dups}, nil)[event.RequestDuplicate]; got != "" {
		t.Errorf("duplicates on a kernel without them: %q, want known", got)
	}
	if got := blind([]evidence.Hook{refused}, nil)[event.RequestDuplicate]; got == "" {
		t.Error("duplicates that the kernel does not show count as known")
	}
	unproved := evidence.Unproved([]evidence.Hook{absent, inTest, silent, dups, refused})
	if diff := cmp.Diff([]string{"a", "b", "request_duplicate"}, unproved); diff != "" {
		t.Errorf("unproved hooks (-want +got):\n%s", diff)
	}
}
