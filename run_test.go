// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// nowhere is a Spec whose run ends in verdict host, before anything is fetched.
func nowhere(t *testing.T) Spec {
	none := filepath.Join(t.TempDir(), "none")
	return Spec{Dir: t.TempDir(), Tools: Tools{Agent: none, QEMU: none, CacheDir: t.TempDir()}}
}

// TestRunAllNumbers: whatever number of runs at a time is asked for, each Spec is run once.
func TestRunAllNumbers(t *testing.T) {
	specs := []Spec{nowhere(t), nowhere(t), nowhere(t)}
	for _, n := range []int{math.MinInt, -1, 0, 1, 3, math.MaxInt} {
		runs := make([]int, len(specs))
		err := RunAll(t.Context(), specs, n, func(i int, c *Conclusion, err error) {
			if err != nil || c.Verdict.Class != result.Host {
				t.Errorf("%d at a time: %+v, %v", n, c, err)
			}
			runs[i]++
		})
		if err != nil || runs[0] != 1 || runs[1] != 1 || runs[2] != 1 {
			t.Errorf("%d at a time: %v runs, %v", n, runs, err)
		}
	}
}

// TestRunAllNothing: no Specs are no work, and an ended context says so.
func TestRunAllNothing(t *testing.T) {
	ended := func(int, *Conclusion, error) { t.Error("something was run") }
	if err := RunAll(t.Context(), nil, 1, ended); err != nil {
		t.Error(err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := RunAll(ctx, []Spec{nowhere(t)}, 1, ended); err != why {
		t.Errorf("%v, want %v", err, why)
	}
}
