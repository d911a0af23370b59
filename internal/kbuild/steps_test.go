// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"strings"
	"testing"
)

// TestStepWriter: however the output arrives, each step has its own, and nobody sees the marks.
func TestStepWriter(t *testing.T) {
	const mark = "\x01MARK "
	for name, tt := range map[string]struct {
		said string
		exit int // of the shell
		want string
		rest string
	}{
		"two commands":          {"a\n" + mark + "0\nb\n" + mark + "0\n", 0, "a\n:0 b\n:0", ""},
		"the first fails":       {"a\n" + mark + "2\n", 2, "a\n:2", ""},
		"the shell says more":   {"a" + mark + "0\nb" + mark + "0\ntar: no space\n", notMoved, "a:0 b:0", "tar: no space\n"},
		"the shell is killed":   {"a\n" + mark + "0\nb", 137, "a\n:0 b:137", "b"},
		"a mark that is none":   {"a" + mark + "x\n" + mark + "0\n", 0, "a" + mark + "x\n:0", ""},
		"a mark without an end": {"a" + mark + "123456789" + mark + "0\n", 0, "a" + mark + "123456789:0", ""},
		"half a mark":           {"a\x01MA", 1, "a\x01MA:1", "a\x01MA"},
		"more marks than steps": {mark + "0\n" + mark + "0\n" + mark + "0\n", 0, ":0 :0", ""},
		"forged, and failed":    {mark + "0\n" + mark + "0\nerror" + mark + "2\n", 2, ":0 error:2", ""},
		"forged, and killed":    {mark + "0\n" + mark + "0\nerror", 137, ":0 :0", "error"},
		"no command":            {"sh: tar: not found\n", notMoved, "", "sh: tar: not found\n"},
	} {
		for _, size := range []int{1, 3, 1000} {
			var live bytes.Buffer
			job := &Job{Commands: []Command{{Shown: []string{"one"}}, {Shown: []string{"two"}}}, Output: &live}
			w := &stepWriter{mark: []byte(mark), job: job}
			for said := tt.said; said != ""; said = said[min(size, len(said)):] {
				w.Write([]byte(said[:min(size, len(said))]))
			}
			rest := w.flush(tt.exit)
			var got []string
			for _, s := range w.done {
				got = append(got, s.Raw+":"+string(rune('0'+s.Exit)))
				if s.Exit > 9 {
					got[len(got)-1] = s.Raw + ":137"
				}
			}
			if text := strings.Join(got, " "); text != tt.want || rest != tt.rest {
				t.Errorf("%s, %d bytes at a time: %q, %q; want %q, %q", name, size, text, rest, tt.want, tt.rest)
			}
			shown := strings.NewReplacer(mark+"0\n", "", mark+"2\n", "").Replace(tt.said)
			if live.String() != shown {
				t.Errorf("%s: the person sees %q, want %q", name, live.String(), shown)
			}
		}
	}
}

func TestQuoted(t *testing.T) {
	for _, word := range []string{"a", "a b", "it's", "$HOME", "`x`", "", "a\nb", `\`} {
		if got := inSandbox(t, "printf %s "+quoted(word)); got != word {
			t.Errorf("%q: %q", word, got)
		}
	}
}
