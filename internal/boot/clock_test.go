// SPDX-License-Identifier: MIT

package boot

import (
	"errors"
	"testing"
	"time"
)

func TestCompareClocks(t *testing.T) {
	start := time.Now()
	at := func(guest, from, to time.Duration) Reading {
		return Reading{GuestNS: uint64(time.Hour + guest), From: start.Add(from), To: start.Add(to)}
	}
	const ms, s = time.Millisecond, time.Second
	first := at(0, 0, 5*ms)
	for name, tt := range map[string]struct {
		later Reading
		wrong bool
	}{
		"right":                     {at(2*s, 2*s, 2*s+5*ms), false},
		"a little fast":             {at(2100*ms, 2*s, 2*s+5*ms), false},
		"four times too fast":       {at(8*s, 2*s, 2*s+5*ms), true},
		"four times too slow":       {at(500*ms, 2*s, 2*s+5*ms), true},
		"a slow answer":             {at(4*s, 2*s, 6*s), false},
		"a slow answer, and wrong":  {at(8*s, 2*s, 6*s), true},
		"at once":                   {at(1*ms, 5*ms, 6*ms), false},
		"a short time, wrong":       {at(160*ms, 35*ms, 40*ms), true},
		"backwards":                 {at(-1*ms, 1*s, 2*s), true},
		"standing still for 50 ms":  {at(0, 55*ms, 60*ms), true},
		"standing still, maybe":     {at(0, 6*ms, 8*ms), false},
		"far beyond what a day has": {at(1<<61, 1*s, 2*s), true},
	} {
		if err := first.Compare(tt.later); errors.Is(err, ErrClock) != tt.wrong {
			t.Errorf("%s: %v, want wrong: %v", name, err, tt.wrong)
		}
	}
}
