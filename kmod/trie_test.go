// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/kmod/internal/trie"
)

func sampleTrie() *trie.Writer {
	t := &trie.Writer{}
	for i, key := range []string{"", "pci:v00008086d*sv*", "pci:v00008086d00001234sv*", "pci:*", "usb:v[0-3]p?",
		"plain", "plain", "pla", "plains", "x_y"} {
		t.Add(key, fmt.Sprint("m", i), i)
	}
	return t
}

func readTrie(t *testing.T, data []byte) *Trie {
	t.Helper()
	r, err := NewTrie("x.bin", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func values(list []TrieValue) (s []string) {
	for _, v := range list {
		s = append(s, v.Value)
	}
	return s
}

func TestTrie(t *testing.T) {
	for _, parentsFirst := range []bool{false, true} {
		r := readTrie(t, sampleTrie().Encode(parentsFirst))
		for key, want := range map[string][]string{"": {"m0"}, "plain": {"m5", "m6"}, "pla": {"m7"}, "plai": nil,
			"plains": {"m8"}, "plainsx": nil,
			"pci:*": {"m3"}, "q": nil, "x_y": {"m9"}} {
			got, err := r.Lookup(key)
			if d := cmp.Diff(want, values(got)); d != "" || err != nil {
				t.Errorf("Lookup(%q): %v %s", key, err, d)
			}
		}
		for name, want := range map[string][]string{"pci:v00008086d00001234sv1": {"m1", "m2", "m3"},
			"pci:v00008086dXsv": {"m1", "m3"}, "pci:": {"m3"},
			"usb:v2px": {"m4"}, "usb:v4px": nil, "plain": {"m5", "m6"}, "x-y": {"m9"}, "": {"m0"}, "pci": nil} {
			got, err := r.Match(name)
			if d := cmp.Diff(want, values(got)); d != "" || err != nil {
				t.Errorf("Match(%q): %v %s", name, err, d)
			}
		}
		n := 0
		if err := r.All(func(TrieValue) bool { n++; return n < 4 }); err != nil || n != 4 {
			t.Errorf("All stopped after %d: %v", n, err)
		}
	}
}

// Damaged anywhere, a file gives an error that names it, or an answer.
func TestTrieDamaged(t *testing.T) {
	whole := sampleTrie().Encode(true)
	ask := func(data []byte) error {
		r, err := NewTrie("x.bin", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return err
		}
		_, err1 := r.Lookup("plain")
		_, err2 := r.Match("pci:v00008086d00001234sv1")
		return errors.Join(err1, err2, r.All(func(TrieValue) bool { return true }))
	}
	if err := ask(whole); err != nil {
		t.Fatal(err)
	}
	check := func(what string, data []byte, mustFail bool) {
		err := ask(data)
		if err == nil && mustFail || err != nil &&
			(!errors.Is(err, ErrInvalidIndex) || !strings.Contains(err.Error(), "x.bin")) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := 1; n < len(whole); n++ {
		check(fmt.Sprint("cut at ", n), whole[:n], true)
	}
	for i := range whole {
		for _, c := range []byte{0, 1, 0x7f, 0xff} {
			bad := slices.Clone(whole)
			bad[i] = c
			check(fmt.Sprintf("byte %d is %#x", i, c), bad, false)
		}
	}
	loop := slices.Concat(whole[:8], []byte{0x20, 0, 0, 12, 'a', 'b', 0x20, 0, 0, 12, 0x20, 0, 0, 12})
	check("a circle", loop, true)
	check("text", []byte("# Aliases extracted"), true)
	dir := t.TempDir()
	if _, err := OpenTrie(dir); !errors.Is(err, ErrInvalidIndex) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := OpenTrie(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if got, err := readTrie(t, nil).Match("x"); got != nil || err != nil {
		t.Errorf("an empty file, as depmod writes it without modules.builtin: %v, %v", got, err)
	}
}

func FuzzTrie(f *testing.F) {
	f.Add(sampleTrie().Encode(true), "plain")
	f.Add(sampleTrie().Encode(false), "pci:v00008086d00001234sv1")
	f.Add([]byte("\xb0\x07\xf4W\x00\x02\x00\x01\x20\x00\x00\x0cab\x20\x00\x00\x0c\x20\x00\x00\x0c"), "ab")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		r, err := NewTrie("x.bin", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		size := 0
		count := func(list []TrieValue, err error) {
			if err != nil && !errors.Is(err, ErrInvalidIndex) {
				t.Fatal(err)
			}
			for _, v := range list {
				size += len(v.Value)
			}
		}
		count(r.Lookup(name))
		count(r.Match(name))
		count(nil, r.All(func(v TrieValue) bool { size += len(v.Value); return true }))
		if size > 4*len(data) {
			t.Fatalf("%d bytes of values from a file of %d", size, len(data))
		}
	})
}

// What is written is read again, whatever the keys.
func FuzzTrieWrite(f *testing.F) {
	f.Add("a\nab\nabc\n\nb*\nb*\n[a-c]x", true)
	f.Fuzz(func(t *testing.T, keys string, parentsFirst bool) {
		in := &trie.Writer{}
		want := map[string]int{}
		for key := range strings.SplitSeq(keys, "\n") {
			if strings.IndexFunc(key, func(r rune) bool { return r == 0 || r >= 0x80 }) >= 0 {
				continue
			}
			in.Add(key, "v", len(want))
			want[key]++
		}
		data := in.Encode(parentsFirst)
		r := readTrie(t, data)
		for key, n := range want {
			if got, err := r.Lookup(key); err != nil || len(got) != n {
				t.Fatalf("%q: %v, %v; want %d", key, got, err, n)
			}
		}
		if other := in.Encode(!parentsFirst); len(other) != len(data) {
			t.Fatalf("%d bytes in one order, %d in the other", len(data), len(other))
		}
	})
}

// BenchmarkAlias asks a fresh process's question: which modules does a device
// have? Once of the binary table, once of the text.
func BenchmarkAlias(b *testing.B) {
	root := os.Getenv("KMODLAB_TEST_TREE")
	if root == "" {
		b.Skip("set KMODLAB_TEST_TREE to a root with lib/modules/RELEASE and its index")
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "lib/modules/*/modules.alias.bin"))
	if len(dirs) == 0 {
		b.Fatalf("%s has no index", root)
	}
	dir := filepath.Dir(dirs[0])
	const device = "pci:v00008086d000015B8sv00001028sd000006B9bc02sc00i00"
	b.Run("binary", func(b *testing.B) {
		for b.Loop() {
			r, err := OpenTrie(filepath.Join(dir, "modules.alias.bin"))
			if err != nil {
				b.Fatal(err)
			}
			if found, err := r.Match(device); err != nil || len(found) == 0 {
				b.Fatal(found, err)
			}
			r.Close()
		}
	})
	b.Run("text", func(b *testing.B) {
		for b.Loop() {
			data, err := os.ReadFile(filepath.Join(dir, "modules.alias"))
			if err != nil {
				b.Fatal(err)
			}
			if len(matchAliases(data, normalizeAlias(device))) == 0 {
				b.Fatal("nothing found")
			}
		}
	})
}
