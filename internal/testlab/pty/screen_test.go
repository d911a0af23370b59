// SPDX-License-Identifier: MIT

package pty

import "testing"

// TestScreen is what tmux shows of the same bytes.
func TestScreen(t *testing.T) {
	for _, test := range []struct{ name, written, want, above string }{
		{"lines", "one\r\ntwo", "one\ntwo", ""},
		{"a long line wraps", "0123456789ab", "0123456789\nab", ""},
		{"and does not", "\x1b[?7l0123456789ab\x1b[?7h", "012345678b", ""},
		{"a full line, then a break", "0123456789\r\nx", "0123456789\nx", ""},
		{"drawn over", "old\r\nlines\r\x1b[1A\x1b[K\n\x1b[J\x1b[1Anew", "new", ""},
		{"erased from the first place", "old\r\nlines\r\x1b[1A\x1b[Jnew", "new", "old\nlines\n"},
		{"up stops at the top", "a\r\nb\x1b[9A\rc", "c\nb", ""},
		{"scrolls", "1\r\n2\r\n3\r\n4\r\n5", "2\n3\n4\n5", "1\n"},
	} {
		s := NewScreen(10, 4)
		for _, b := range []byte(test.written) { // in parts
			s.Write([]byte{b})
		}
		if s.Text() != test.want || s.All() != test.above+test.want {
			t.Errorf("%s: %q, all of it %q", test.name, s.Text(), s.All())
		}
	}
	s := NewScreen(10, 4)
	s.Write([]byte("top\r\n0123456789\r\nend\x1b[?25l\x1b[1;31m\x1b]0;t\a"))
	s.Resize(4, 4)
	s.Write([]byte("\x1b[2Dx"))
	if want := "top\n0123\n4567\n89\nend"; s.All()[:len(want)] != want {
		t.Errorf("made narrower: %q", s.All())
	}
	if !s.Hidden || !s.Colored || s.NoWrap || len(s.Unknown) != 3 {
		t.Errorf("%+v", s)
	}
}
