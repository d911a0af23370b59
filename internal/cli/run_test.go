// SPDX-License-Identifier: MIT

package cli

import (
	"slices"
	"testing"
)

func TestSplitParams(t *testing.T) {
	for text, want := range map[string][]string{
		"":                        nil,
		" m.p=1  m.q=2 ":          {"m.p=1", "m.q=2"},
		`m.t="two words" m.quiet`: {`m.t="two words"`, "m.quiet"},
		`m.t="not closed m.p=1`:   {`m.t="not closed m.p=1`},
		"m.list=1,2,3\tm.p=x":     {"m.list=1,2,3", "m.p=x"},
		`m.t=""`:                  {`m.t=""`},
	} {
		if got := splitParams(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
