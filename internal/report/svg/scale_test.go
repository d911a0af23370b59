// SPDX-License-Identifier: MIT

package svg

import (
	"math"
	"slices"
	"testing"
)

// A moment that has no room of its own lies between its neighbours.
func TestScaleBetween(t *testing.T) {
	s := newScale([]int64{0, 1_000_000, 2_000_000}, 10, 0, nil)
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

// TestRooms: what is short has the room that it needs, the order stays, and more than fits gets none.
func TestRooms(t *testing.T) {
	moments := []int64{0, 10, 1_000_000_000, 1_000_000_100, 2_000_000_000}
	s := newScale(slices.Clone(moments), 10, 400, []room{{0, 10, 60}, {1_000_000_000, 1_000_000_100, 70},
		{1_000_000_000, 1_000_000_100, 30}})
	if a, b := s.x(10)-s.x(0), s.x(1_000_000_100)-s.x(1_000_000_000); math.Abs(a-60) > 0.1 || math.Abs(b-70) > 0.1 {
		t.Errorf("%g and %g pixels", a, b)
	}
	if !slices.IsSorted(s.place) || math.Abs(s.place[4]-410) > 0.1 || s.right != 410 {
		t.Errorf("places %v, until %g", s.place, s.right)
	}
	if s := newScale(slices.Clone(moments), 10, 400, []room{{0, 10, 300}}); s.right != 610 {
		t.Errorf("the axis ends at %g", s.right)
	}
	if s := newScale(slices.Clone(moments), 10, 400, []room{{0, 10, maxRooms + 1}}); s.right != 410 {
		t.Errorf("the axis ends at %g", s.right)
	}
	if s := newScale(nil, 10, 400, nil); len(s.place) != 0 || s.x(5) != s.right {
		t.Errorf("no moments: %+v", s)
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
