// SPDX-License-Identifier: MIT

package prepare

import (
	"errors"
	"fmt"
	"testing"
)

// TestProblems: a module that is for another kernel altogether is told in a few sentences.
func TestProblems(t *testing.T) {
	var all []error
	for i := range 7 {
		all = append(all, fmt.Errorf("m needs symbol s%d", i))
	}
	for n, want := range map[int]string{
		1: "m needs symbol s0",
		4: "m needs symbol s0; m needs symbol s1; m needs symbol s2; m needs symbol s3",
		7: "m needs symbol s0; m needs symbol s1; m needs symbol s2; m needs symbol s3; and 3 more",
	} {
		if got := problems(errors.Join(all[:n]...)); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
