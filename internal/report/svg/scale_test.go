// SPDX-License-Identifier: MIT

package svg

import (
	"slices"
	"testing"
)

// A moment that has no room of its own lies between its neighbours.
func TestScaleBetween(t *testing.T) {
	s := newScale([]int64{0, 1_000_000, 2_000_000}, 10, 0)
	last := 0.0
	for _, at := range []int64{-5, 0, 1, 400_000, 999_999, 1_000_000, 1_500_000, 2_000_000, 3_000_000} {
		x := s.x(at)
		if x < 10 || x > s.right || x < last {
			t.Errorf("%d is at %g, after %g; the axis is from 10 to %g", at, x, last, s.right)
		}
		last = x
	}
	if s.x(1_500_000) == s.x(2_000_000) {
		t.Error("moments between two others are not told apart")
	}
}

func TestOutside(t *testing.T) {
	if got := outside([]int64{1, 5, 9}, []int64{4, 8}); !slices.Equal(got, []int64{1, 9}) {
		t.Errorf("outside 4 to 8 are %v", got)
	}
	if got := outside([]int64{1, 5}, nil); !slices.Equal(got, []int64{1, 5}) {
		t.Errorf("outside nothing are %v", got)
	}
}
