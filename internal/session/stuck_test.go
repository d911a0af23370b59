// SPDX-License-Identifier: MIT

package session

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestUnplaced: the CPUs are sampled if nothing else says where the tasks are.
func TestUnplaced(t *testing.T) {
	runs := result.Stuck{State: result.Running}
	spins := result.Stuck{State: result.Running, Site: "spin_init+0x15 [spin_init]"}
	waits := result.Stuck{State: "uninterruptible", Site: "hang_init+0x5 [hang]"}
	for name, tt := range map[string]struct {
		stuck []result.Stuck
		want  bool
	}{
		"nothing":                       {nil, true},
		"a task runs somewhere":         {[]result.Stuck{runs}, true},
		"one runs, one waits":           {[]result.Stuck{waits, runs}, true},
		"one waits":                     {[]result.Stuck{waits}, false},
		"one spins":                     {[]result.Stuck{spins}, false},
		"one spins, one runs somewhere": {[]result.Stuck{runs, spins}, false},
	} {
		if got := unplaced(tt.stuck); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
