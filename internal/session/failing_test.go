// SPDX-License-Identifier: MIT

package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/prepare"
)

// TestTails: a kprobe is set only where ftrace can trace, and one function has one.
func TestTails(t *testing.T) {
	site := func(symbol string, offset uint64, jump, traced, notrace bool) leaks.CallSite {
		return leaks.CallSite{Symbol: symbol, Offset: offset, Jump: jump, Traced: traced, Notrace: notrace}
	}
	jumps := tailsOf([]leaks.CallSite{
		site("open", 28, true, true, false), site("open", 60, true, true, false), site("startup", 16, true, true, false),
		site("read", 33, false, true, false), site("asm", 9, true, false, false), site("cleanup", 9, true, true, true),
	})
	want := []string{"open+0x1c", "startup+0x10"}
	if diff := cmp.Diff(want, placesOf(jumps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f := &prepare.Failing{
		Module: "m", Nth: 2, Symbols: []string{"_copy_from_user"},
		Choice: &failable.Choice{Call: failable.Call{Fails: failable.Rest, Clears: true}},
	}
	params := []string{
		"module=m", "nth=2", "function=_copy_from_user", "value=0", "clear=1", "rest=1", "tails=open,startup",
	}
	if diff := cmp.Diff(params, helperParams(f, jumps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f = &prepare.Failing{
		Module: "m", Nth: 1, Symbols: []string{"get_pid_task", "send_sig"}, Target: &failable.Target{Name: "sleep"},
	}
	params = []string{"module=m", "nth=1", "use=get_pid_task,send_sig", "exits=sleep"}
	if diff := cmp.Diff(params, helperParams(f, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
