// SPDX-License-Identifier: MIT

package ko

import (
	"errors"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

func TestNames(t *testing.T) {
	for name, plain := range map[string]string{
		"a.ko": "a.ko", "a.ko.xz": "a.ko", "a.ko.gz": "a.ko", "k/a.ko.zst": "k/a.ko", "a.xz": "a.xz",
		"a.ko.bz2": "a.ko.bz2", "": "",
	} {
		if got := PlainName(name); got != plain {
			t.Errorf("PlainName(%q) = %q, want %q", name, got, plain)
		}
	}
	for name, want := range map[string]bool{"a.ko": true, "a.ko.zst": true, ".ko": true, "a.ko.debug": false,
		"a.KO": false, "": false} {
		if got := IsModuleName(name); got != want {
			t.Errorf("IsModuleName(%q) = %v", name, got)
		}
	}
}

func TestCheckRelease(t *testing.T) {
	for _, release := range []string{"6.1.0-56-cloud-amd64", "none", "5.10", "a b", "...", "6.1+"} {
		if err := CheckRelease(release); err != nil {
			t.Errorf("%q: %v", release, err)
		}
	}
	for _, release := range []string{"", ".", "..", "/", "a/b", "6.1/", `a\b`, "a\x00"} {
		if err := CheckRelease(release); !errors.Is(err, ErrRelease) {
			t.Errorf("%q: %v, want ErrRelease", release, err)
		}
	}
}

// An Unpacker serves one file after another, of any kind, also after a damaged one.
func TestUnpackerAgain(t *testing.T) {
	var u Unpacker
	plain := kmodtest.Sample().Bytes()
	for _, kind := range []string{XZ, Gzip, XZ, Zstd, XZ} {
		packed, err := kmodtest.Compress(kind, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := Compression(packed); got != kind {
			t.Errorf("%s is taken for %q", kind, got)
		}
		if got, err := u.Unpack(packed); err != nil || string(got) != string(plain) {
			t.Errorf("%s: %d bytes, want %d; %v", kind, len(got), len(plain), err)
		}
		if _, ok := errors.AsType[*FormatError](second(u.Unpack(packed[:len(packed)/2]))); !ok {
			t.Errorf("half of %s is no FormatError", kind)
		}
	}
	if got, err := u.Unpack(plain); err != nil || &got[0] != &plain[0] {
		t.Errorf("plain data: copied, or %v", err)
	}
}

func second(_ []byte, err error) error { return err }

// FuzzFile reads everything of an object that a caller may ask for.
func FuzzFile(f *testing.F) {
	whole := kmodtest.Sample().Bytes()
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(kmodtest.Module{Is32: true, Big: true}.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			if _, ok := errors.AsType[*FormatError](err); !ok || err.Error() == "" {
				t.Fatalf("got %v", err)
			}
			return
		}
		size := 0
		err = file.Symbols(func(s Symbol) {
			file.CRC(s)
			size += len(s.Name) + len(file.StringAt(s))
		})
		for name := range file.Versions() {
			size += len(name)
		}
		for name := range file.KsymtabNames() {
			size += len(name)
		}
		if most := (len(data) + 1) * (len(data) + 1); size > most {
			t.Fatalf("%d bytes of names from %d; %v", size, len(data), err)
		}
	})
}
