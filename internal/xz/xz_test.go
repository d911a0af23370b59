// SPDX-License-Identifier: MIT

package xz

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// unpack is what a caller with one file does.
func unpack(data []byte, limit int64) ([]byte, error) { return new(Decoder).Unpack(data, limit) }

// packed is data as one .xz file.
func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// xzSamples are bytes of different kinds: what xz makes of them uses every kind
// of chunk, of match and of literal.
func xzSamples(t *testing.T) map[string][]byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 80_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	words := []byte{}
	for range 5_000 {
		words = append(words, []string{"module ", "kernel ", "symbol ", "\x00\x00", "x"}[rnd.IntN(5)]...)
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"nothing": {}, "a byte": {7}, "zeros": make([]byte, 3<<20), "noise": noise, "words": words,
		"code": program[:250_000], "mixed": slices.Concat(noise[:70_000], words, noise, words, program[:50_000]),
	}
}

// Whatever xz writes, with whatever settings, comes out as it went in.
func TestUnpackXZLikeXZ(t *testing.T) {
	tool, err := exec.LookPath("xz")
	if err != nil {
		needs.Missing(t, "no xz here; apt install xz-utils")
	}
	for name, data := range xzSamples(t) {
		for _, flags := range []string{"--check=crc32 --lzma2=dict=1MiB", "-0 --check=sha256",
			"--check=none --lzma2=lc=0,lp=4,pb=4",
			"--lzma2=lc=4,lp=0,pb=0,mode=fast,mf=hc3", "-1 -T2 --block-size=30KiB --check=crc64"} {
			cmd := exec.Command(tool, append([]string{"-c"}, strings.Fields(flags)...)...)
			cmd.Stdin = bytes.NewReader(data)
			packed, err := cmd.Output()
			if err != nil {
				t.Fatalf("xz %s: %v", flags, err)
			}
			if got, err := unpack(packed, 64<<20); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, xz %s: %d bytes, want %d; %v", name, flags, len(got), len(data), err)
			}
			// two streams, with padding between and behind
			double := slices.Concat(packed, make([]byte, 8), packed, make([]byte, 4))
			if got, err := unpack(double, 64<<20); err != nil || !bytes.Equal(got, slices.Concat(data, data)) {
				t.Errorf("%s twice, xz %s: %d bytes, want %d; %v", name, flags, len(got), 2*len(data), err)
			}
		}
	}
}

// Any byte of a file that is changed, and any place where it is cut, is an error,
// and never a wrong result.
func TestUnpackXZDamaged(t *testing.T) {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("a module, a module, another module; "), 100)
	w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	if got, err := unpack(whole, 1<<20); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("whole: %v", err)
	}
	for i := range whole {
		if _, err := unpack(whole[:i], 1<<20); err == nil {
			t.Errorf("cut at %d: no error", i)
		}
		for _, bit := range []byte{1, 0x80, 0xff} {
			bad := slices.Clone(whole)
			bad[i] ^= bit
			if got, err := unpack(bad, 1<<20); err == nil && !bytes.Equal(got, plain) {
				t.Errorf("byte %d changed: no error, another result", i)
			}
		}
	}
	if _, err := unpack(whole, 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
}

func FuzzXZ(f *testing.F) {
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("module "), 50)} {
		var b bytes.Buffer
		w, err := xz.NewWriter(&b)
		if err != nil {
			f.Fatal(err)
		}
		w.Write(plain)
		w.Close()
		f.Add(b.Bytes(), uint8(5))
	}
	f.Fuzz(func(t *testing.T, data []byte, props uint8) {
		if _, err := unpack(data, 1<<20); err != nil && err.Error() == "" {
			t.Fatal("an error without a word")
		}
		// Checksums keep the fuzzer from the decoder itself: it gets there without.
		for _, size := range []int{1, 300, 70_000} {
			d := &Decoder{out: make([]byte, size+lzmaSlack)}
			if d.setProps(props) && len(data) >= 5 {
				d.resetState()
				d.chunk(append(slices.Clip(data), make([]byte, lzmaSlack)...), len(data), size)
			}
		}
	})
}

// The decoder reads what kbuild's xz wrote: a real tree, where one is here.
func TestUnpackXZRealModules(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		needs.Missing(t, "no cache folder: %v", err)
	}
	paths, _ := filepath.Glob(filepath.Join(cache, "kmodlab/kernels/*/root/lib/modules/*/kernel/fs/*/*.ko.xz"))
	if len(paths) == 0 {
		needs.Missing(t, "no kernel with .ko.xz in the cache; kmodlab kernel fetch debian:trixie")
	}
	for i, path := range paths {
		if i%9 != 0 {
			continue
		}
		packed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := xz.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if _, err := want.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		if got, err := unpack(packed, 64<<20); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// One decoder unpacks file after file into the same memory.
func TestUnpackXZAgain(t *testing.T) {
	var d Decoder
	for i, plain := range [][]byte{bytes.Repeat([]byte("long "), 5000), []byte("short"), nil,
		bytes.Repeat([]byte("longer "), 9000)} {
		got, err := d.Unpack(packed(t, plain), 1<<20)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("file %d: %d bytes, want %d; %v", i, len(got), len(plain), err)
		}
		if _, err := d.Unpack([]byte("damaged"), 1<<20); err == nil {
			t.Error("no error")
		}
	}
}
