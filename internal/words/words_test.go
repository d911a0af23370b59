// SPDX-License-Identifier: MIT

package words

import (
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string]string{
		"t":                       "t",
		"./t -v  a":               "./t|-v|a",
		`t 'two words' "and 'q'"`: "t|two words|and 'q'",
		`t ''`:                    "t|",
		`t a\b $HOME *`:           `t|a\b|$HOME|*`,
		"a\tb\nc":                 "a|b|c",
		`'a b'c`:                  "a bc",
	} {
		if words, err := Split(line); err != nil || strings.Join(words, "|") != want {
			t.Errorf("%q is %q, %v; want %q", line, words, err, want)
		}
	}
	for _, line := range []string{"", "  ", "t 'x", `""`} {
		if words, err := Split(line); err == nil {
			t.Errorf("%q is %q; want an error", line, words)
		}
	}
}
