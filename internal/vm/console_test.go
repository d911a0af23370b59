// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestBoundedLog(t *testing.T) {
	for _, test := range []struct {
		writes []string
		want   string
	}{
		{nil, ""},
		{[]string{"abc"}, "abc"},
		{[]string{"abcdefgh"}, "abcdefgh"},
		{[]string{"abcd", "efgh"}, "abcdefgh"},
		{[]string{"abcdefghi"}, "abcd\n[… 1 bytes not shown …]\nfghi"},
		{[]string{"abcdefgh", "ij"}, "abcd\n[… 2 bytes not shown …]\nghij"},
		{[]string{"abc", "defghijklmnopq"}, "abcd\n[… 9 bytes not shown …]\nnopq"},
	} {
		l := newBoundedLog(8)
		for _, w := range test.writes {
			if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("Write(%q) = %d, %v", w, n, err)
			}
		}
		if got := string(l.Bytes()); got != test.want {
			t.Errorf("after %q: %q, want %q", test.writes, got, test.want)
		}
	}
}

// TestBoundedLogRandom compares with the simple way: keep everything, then cut.
func TestBoundedLogRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		const half = 16
		l := newBoundedLog(2 * half)
		var all []byte
		for range random.IntN(12) {
			piece := make([]byte, random.IntN(3*half))
			for i := range piece {
				piece[i] = 'a' + byte(random.IntN(26))
			}
			all = append(all, piece...)
			l.Write(piece)
		}
		want := all
		if lost := len(all) - 2*half; lost > 0 {
			want = fmt.Appendf(nil, "%s\n[… %d bytes not shown …]\n%s", all[:half], lost, all[len(all)-half:])
		}
		if got := l.Bytes(); !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestTextFinder(t *testing.T) {
	const stream = "[    1.0] Kernel panic - not syncing: VFS\n"
	for cut := range len(stream) {
		f := textFinder{text: []byte(panicText)}
		f.feed([]byte(stream[:cut]))
		f.feed([]byte(stream[cut:]))
		if !f.seen {
			t.Errorf("cut at %d: not found", cut)
		}
	}
	byByte := textFinder{text: []byte(panicText)}
	for i := range len(stream) {
		byByte.feed([]byte{stream[i]})
	}
	if !byByte.seen {
		t.Error("byte by byte: not found")
	}
	other := textFinder{text: []byte(panicText)}
	other.feed([]byte("Kernel panic - not sync"))
	other.feed([]byte(" hronizing"))
	if other.seen {
		t.Error("found what is not there")
	}
	if len(other.rest) >= len(panicText) {
		t.Errorf("keeps %d bytes", len(other.rest))
	}
}
