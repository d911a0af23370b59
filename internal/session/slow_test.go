// SPDX-License-Identifier: MIT

package session

import (
	"testing"
	"time"
)

// TestToCome: what is armed may end a wait, but not for ever if it is set again and again.
func TestToCome(t *testing.T) {
	early := map[string]uint64{"timer 1": 10, "work 2": 20}
	for name, tt := range map[string]struct {
		now    map[string]uint64
		waited time.Duration
		want   bool
	}{
		"nothing":                {},
		"the same":               {now: map[string]uint64{"timer 1": 10}, waited: time.Hour, want: true},
		"the same, set again":    {now: map[string]uint64{"timer 1": 99}, waited: setAgain / 2, want: true},
		"another one":            {now: map[string]uint64{"timer 3": 99}, waited: setAgain / 2, want: true},
		"again and again":        {now: map[string]uint64{"timer 1": 99, "timer 3": 99}, waited: setAgain},
		"one of many has waited": {now: map[string]uint64{"timer 1": 99, "work 2": 20}, waited: setAgain, want: true},
	} {
		if got := toCome(early, tt.now, tt.waited); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
