// SPDX-License-Identifier: MIT

package plain

import (
	"math"
	"testing"
)

func TestMoment(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0 µs", 1_500: "1.5 µs", -2_500_000: "-2.5 ms", 2_305_312_204: "2.305312 s", math.MinInt64: "-4611686018.427388 s",
	} {
		if got := Moment(ns); got != want {
			t.Errorf("Moment(%d) is %q, want %q", ns, got, want)
		}
	}
}
