// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

func TestParseModule(t *testing.T) {
	for _, tc := range []struct {
		name      string
		is32, big bool
	}{{"64 little", false, false}, {"64 big", false, true}, {"32 little", true, false}, {"32 big", true, true}} {
		t.Run(tc.name, func(t *testing.T) {
			src := kmodtest.Sample()
			src.Is32, src.Big = tc.is32, tc.big
			m, err := ParseModule(src.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			wantExports := []Export{{"sample_open", 0x11223344, true, false, ""},
				{"sample_close", 0xcafef00d, true, true, "SAMPLE"}}
			if d := cmp.Diff(wantExports, m.Exports); d != "" {
				t.Errorf("exports: %s", d)
			}
			wantNeeds := []Symbol{{"printk", 0x92997ed8, true, false}, {"maybe", 0, false, true},
				{"dotted", 0, false, false}}
			if d := cmp.Diff(wantNeeds, m.Needs); d != "" {
				t.Errorf("needs: %s", d)
			}
			if m.Name != "sample" || m.Machine != 62 || !m.HasInit || !m.HasExit || m.Signed ||
				m.Vermagic() != kmodtest.Kernel {
				t.Errorf("got %+v", m)
			}
			if d := cmp.Diff([]string{"snd_one", "two"}, m.Depends()); d != "" {
				t.Errorf("depends: %s", d)
			}
			if d := cmp.Diff([]string{"first", "second"}, m.Info.All("alias")); d != "" {
				t.Errorf("aliases: %s", d)
			}
			if d := cmp.Diff([]Param{{"count", "int", "how many"}, {"bare", "bool", ""}}, m.Info.Params()); d != "" {
				t.Errorf("parameters: %s", d)
			}
			if d := cmp.Diff(Softdep{[]string{"a", "b"}, []string{"c"}}, m.softdeps()); d != "" {
				t.Errorf("softdeps: %s", d)
			}
		})
	}
}

func TestParseModuleRefuses(t *testing.T) {
	whole := kmodtest.Sample().Bytes()
	program := kmodtest.Sample()
	program.Type, program.Machine = 3, 183
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty file"},
		{"text", []byte("hello, this is text\n"), "text, not ELF"},
		{"script", []byte("#!/bin/sh\nexit 0\n"), "script (#!/bin/sh)"},
		{"archive", []byte("!<arch>\nxxxxxxxxxxxxxxxxxxxxx"), "ar archive"},
		{"zeros", make([]byte, 5000), "all zeros"},
		{"noise", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17},
			"data that is not ELF (begins 0102030405060708)"},
		{"five bytes", whole[:5], "truncated within the ELF header"},
		{"header only", whole[:64], "section headers at byte"},
		{"half", whole[:len(whole)/2], "truncated"},
		{"last byte", whole[:len(whole)-1], "truncated"},
		{"program", program.Bytes(), "ELF program or shared library for aarch64"},
		{"class", append([]byte("\x7fELF\x07\x01"), make([]byte, 80)...), "unknown class 7"},
		{"no modinfo", bytes.Replace(whole, []byte(".modinfo"), []byte(".nothing"), 1), "without .modinfo"},
		{"packed", []byte("\x28\xb5\x2f\xfd0000000000000000000"), "zstd data"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseModule(tc.data)
			if !errors.Is(err, ErrInvalidModule) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want ErrInvalidModule with %q", err, tc.want)
			}
		})
	}
}

// A file that reaches beyond its end, wherever it was cut, is an error with its name.
func TestOpenModuleCutAnywhere(t *testing.T) {
	path := kmodtest.RealModule(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := ParseModule(data)
	if err != nil || !whole.Signed {
		t.Fatalf("the whole file: %+v, %v", whole, err)
	}
	end := len(data) - signatureSize(data)
	for n := 0; n < len(data); n += 512 {
		m, err := ParseModule(data[:n])
		if n >= end { // what is lost is the signature alone
			if err != nil || m.Signed {
				t.Errorf("cut at %d, in the signature: got %v", n, err)
			}
			continue
		}
		if !errors.Is(err, ErrInvalidModule) {
			t.Errorf("cut at %d: got %v, want ErrInvalidModule", n, err)
		}
	}
}

// signatureSize is what sign-file appended.
func signatureSize(data []byte) int {
	head := data[len(data)-len(signatureMagic)-12:]
	return int(binary.BigEndian.Uint32(head[8:12])) + 12 + len(signatureMagic)
}

func pack(t *testing.T, kind Compression, data []byte) []byte {
	t.Helper()
	if kind == None {
		return data
	}
	packed, err := kmodtest.Compress(string(kind), data)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestReadModulePacked(t *testing.T) {
	data := kmodtest.Sample().Bytes()
	dir := t.TempDir()
	for kind, ext := range map[Compression]string{None: "", Gzip: ".gz", XZ: ".xz", Zstd: ".zst"} {
		path := filepath.Join(dir, "snd-sample.ko"+ext)
		packed := pack(t, kind, data)
		if err := os.WriteFile(path, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadModule(path)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: got %d bytes, %v; want %d", path, len(got), err, len(data))
		}
		m, err := OpenModule(path)
		if err != nil || m.Name != "snd_sample" || m.Packing != kind || m.Size != int64(len(packed)) {
			t.Errorf("%s: got %+v, %v", path, m, err)
		}
		if kind == None {
			continue
		}
		for n := 1; n < len(packed); n += 7 {
			if err := os.WriteFile(path, packed[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenModule(path); !errors.Is(err, ErrInvalidModule) || !strings.Contains(err.Error(), path) {
				t.Fatalf("%s cut at %d: %v", path, n, err)
			}
		}
	}
}

func TestDecompressBomb(t *testing.T) {
	zeros := make([]byte, 40<<20)
	for _, kind := range []Compression{Gzip, XZ, Zstd} {
		packed := pack(t, kind, zeros)
		if _, err := Decompress(packed); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d bytes that become %d: got %v, want ErrTooLarge", kind, len(packed), len(zeros), err)
		}
	}
}

// The dictionary of an .xz block is allocated before anything is unpacked.
func TestDecompressXZDictionary(t *testing.T) {
	packed := pack(t, XZ, kmodtest.Sample().Bytes())
	at := bytes.Index(packed[12:], []byte{0x21, 1})
	if at < 0 {
		t.Fatal("no lzma2 filter in the block header")
	}
	packed[12+at+2] = 40 // 4 GiB
	head := packed[12 : 12+4*(int(packed[12])+1)]
	binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
	_, err := Decompress(packed)
	if !errors.Is(err, ErrInvalidModule) || !strings.Contains(err.Error(), "dictionary is larger") {
		t.Errorf("got %v", err)
	}
}

func TestReadModuleNotAFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadModule(dir); !errors.Is(err, ErrInvalidModule) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := ReadModule("/dev/zero"); !errors.Is(err, ErrInvalidModule) ||
		!strings.Contains(err.Error(), "device file") {
		t.Errorf("a device: %v", err)
	}
	if _, err := ReadModule(filepath.Join(dir, "none.ko")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

func TestCanonicalName(t *testing.T) {
	for in, want := range map[string]string{"snd-hda-intel": "snd_hda_intel", "/a/b-c/d-e.ko.xz": "d_e", "a.b.ko": "a",
		"": ""} {
		if got := CanonicalName(in); got != want && in != "" {
			t.Errorf("CanonicalName(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzReadModule(f *testing.F) {
	whole := kmodtest.Sample().Bytes()
	f.Add(whole)
	f.Add(whole[:100])
	for _, src := range []kmodtest.Module{{Is32: true}, {Big: true}, {Machine: 183, Type: 2}} {
		f.Add(src.Bytes())
	}
	f.Add([]byte("\xfd7zXZ\x00\x00\x04"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := Decompress(data)
		if err != nil {
			return
		}
		m, err := ParseModule(plain)
		if err == nil && m == nil || err != nil && !errors.Is(err, ErrInvalidModule) {
			t.Fatalf("got %v, %v", m, err)
		}
	})
}

func FuzzModinfo(f *testing.F) {
	f.Add([]byte("a=b\x00c=d=e\x00=\x00noequals\x00\x00parm=x\x00parmtype=x:int"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := parseModinfo(data)
		for _, fld := range in {
			if fld.Key == "" {
				t.Fatal("a field without a key")
			}
		}
		in.Params()
		ParseSoftdep(string(data))
		signatureInfo(append(data, signatureMagic...))
	})
}
