// SPDX-License-Identifier: MIT

package plain

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[2J\r\x9b\u009b": `a\x1b[2J\x0d\x9b\x9b`,
		"\u202eright\tä":       `\u202eright    ä`,
		"x ##[error]y":         `x #\x23[error]y`,
		"##vso[task.x]###[":    `#\x23vso[task.x]##\x23[`,
		"a ## b ##c":           "a ## b ##c",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got, want := Lines("a\npass: x\n  b\n"), "a\n  pass: x\n  b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWriters(t *testing.T) {
	const hostile = "pass: x\n\x1b[2J\r\n::error::a\n\nend"
	for _, size := range []int{1, 2, 3, 100} {
		var b, g strings.Builder
		w, guard := NewWriter(&b, "  "), Guard(&g)
		for _, out := range []io.Writer{w, guard} {
			for s := hostile; s != ""; {
				n, err := io.WriteString(out, s[:min(size, len(s))])
				if err != nil || n != min(size, len(s)) {
					t.Fatal(n, err)
				}
				s = s[n:]
			}
		}
		w.Close()
		if want := "  pass: x\n  \\x1b[2J\n  ::error::a\n\n  end\n"; b.String() != want {
			t.Errorf("parts of %d: %q", size, b.String())
		}
		if want := strings.Replace(hostile, "::error", `\x3a:error`, 1); g.String() != want {
			t.Errorf("parts of %d: %q", size, g.String())
		}
	}
	var g strings.Builder
	io.WriteString(Guard(&g), "a :: b\n  ::x\n : c\n\t::y :: ::\n")
	if want := "a :: b\n  \\x3a:x\n : c\n\t\\x3a:y :: ::\n"; g.String() != want {
		t.Errorf("%q", g.String())
	}
}

func TestJSON(t *testing.T) {
	const text = "##[x ### \u009b \u202e \x7f 😀 \U000e0001 ä\x1b"
	var b strings.Builder
	enc := json.NewEncoder(JSON(&b))
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back != text {
		t.Errorf("%v: %q", err, back)
	}
	if line := strings.TrimSuffix(b.String(), "\n"); strings.Contains(line, "##") || Text(line) != line {
		t.Errorf("%q", line)
	}
}
