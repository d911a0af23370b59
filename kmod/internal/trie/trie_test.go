// SPDX-License-Identifier: MIT

package trie

import "testing"

// Three values of two keys, in both orders of nodes. That whole indexes are those of kmod is
// tested in package depmod.
func TestEncode(t *testing.T) {
	const (
		header = "\xb0\x07\xf4\x57\x00\x02\x00\x01"
		values = "\x00\x00\x00\x02" + "\x00\x00\x00\x01two\x00" + "\x00\x00\x00\x02three\x00"
		leaf   = "\x00\x00\x00\x01" + "\x00\x00\x00\x00one\x00"
	)
	for _, tc := range []struct {
		parentsFirst bool
		want         string
	}{
		{true, header + "\x20\x00\x00\x0c" + "aa\xe0\x00\x00\x12" + "b\x00cc\x40\x00\x00\x30" + values + leaf},
		{false, header + "\x20\x00\x00\x36" + leaf + "b\x00cc\x40\x00\x00\x0c" + values + "aa\xe0\x00\x00\x18"},
	} {
		var w Writer
		w.Add("ab", "three", 2)
		w.Add("abc", "one", 0)
		w.Add("ab", "two", 1)
		if got := string(w.Encode(tc.parentsFirst)); got != tc.want {
			t.Errorf("parents first %v:\n got %q\nwant %q", tc.parentsFirst, got, tc.want)
		}
	}
}

func TestForeign(t *testing.T) {
	var w Writer
	w.Add("plain", "", 0)
	if key, found := w.Foreign(); found {
		t.Errorf("found %q", key)
	}
	w.Add("größe", "", 0)
	if key, found := w.Foreign(); !found || key != "größe" {
		t.Errorf("got %q, %v", key, found)
	}
}
