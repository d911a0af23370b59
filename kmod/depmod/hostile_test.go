// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/internal/ko"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// A tree of a real module that was cut at every 512 bytes is indexed; each file that
// lacks more than its signature is a problem that names it.
func TestIndexCutModules(t *testing.T) {
	data, err := os.ReadFile(kmodtest.RealModule(t))
	if err != nil {
		t.Fatal(err)
	}
	end := len(data) - signatureSize(data)
	files := map[string][]byte{"modules.order": nil, "modules.builtin": nil, "modules.builtin.modinfo": nil,
		"whole.ko": data}
	cut := map[string]bool{}
	for n := 0; n < len(data); n += 512 {
		name := fmt.Sprintf("cut%d.ko", n)
		files[name] = data[:n]
		cut[name] = n < end
	}
	tree := testTree(t, files)
	result, err := Index(Options{Root: tree.Root, Release: tree.Release})
	if err != nil {
		t.Fatal(err)
	}
	if result.Modules != len(cut)+1 {
		t.Errorf("%d modules, want %d", result.Modules, len(cut)+1)
	}
	got := map[string]bool{}
	for _, p := range result.Problems {
		if !p.Severe || !errors.Is(p.Err, kmod.ErrInvalidModule) || !strings.Contains(p.Text, p.Path) {
			t.Errorf("%+v", p)
		}
		got[filepath.Base(p.Path)] = true
	}
	for name, bad := range cut {
		if got[name] != bad {
			t.Errorf("%s: a problem %v, want %v", name, got[name], bad)
		}
	}
}

// signatureSize is what sign-file appended.
func signatureSize(data []byte) int {
	const magic = "~Module signature appended~\n"
	head := data[len(data)-len(magic)-12:]
	return int(binary.BigEndian.Uint32(head[8:12])) + 12 + len(magic)
}

// sectionHeader returns the bytes of one section's header in a 64-bit little-endian object.
func sectionHeader(data []byte, name string) []byte {
	shoff := binary.LittleEndian.Uint64(data[40:])
	f, err := ko.Parse(data)
	if err != nil {
		panic(err)
	}
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return data[shoff+64*uint64(i):][:64]
		}
	}
	panic("no section " + name)
}

// hostileObject is an object whose numbers lie.
type hostileObject struct {
	data []byte
	want string // in the error; empty where the file is only odd
}

func hostileObjects() map[string]hostileObject {
	whole := kmodtest.Sample().Bytes()
	order := binary.LittleEndian
	patch := func(section string, at int, value uint64) []byte {
		data := slices.Clone(whole)
		order.PutUint64(sectionHeader(data, section)[at:], value)
		return data
	}
	head := func(at int, value uint64) []byte {
		data := slices.Clone(whole)
		order.PutUint64(data[at:], value)
		return data
	}
	const offset, size = 24, 32
	strtab := func(at uint32) []byte { // every symbol's name lies there
		data := slices.Clone(whole)
		h := sectionHeader(data, ".symtab")
		for p := data[order.Uint64(h[offset:]):][:order.Uint64(h[size:])]; len(p) >= 24; p = p[24:] {
			order.PutUint32(p, at)
		}
		return data
	}
	return map[string]hostileObject{
		"string table of 4 GiB":     {patch(".strtab", size, 4<<30), ".strtab"},
		"string table of 2^64":      {patch(".strtab", size, 1<<64-1), ".strtab"},
		"symbols beyond the end":    {patch(".symtab", offset, 1<<40), ".symtab"},
		"offset and size wrap":      {patch(".modinfo", offset, 1<<64-8), ".modinfo"},
		"section headers beyond":    {head(40, 1<<60), "section headers"},
		"section headers wrap":      {head(40, 1<<64-1), "section headers"},
		"names of symbols are wild": {strtab(0xfffffff0), ""},
		"link of symtab is wild": {func() []byte {
			data := slices.Clone(whole)
			order.PutUint32(sectionHeader(data, ".symtab")[40:], 0xffff)
			return data
		}(), "symbol table without names"},
	}
}

// Numbers in a file are claims: none of them makes us allocate, or read beyond the file.
func TestHostileELF(t *testing.T) {
	for name, tc := range hostileObjects() {
		t.Run(name, func(t *testing.T) {
			tree := testTree(t, map[string][]byte{"a.ko": tc.data, "modules.order": nil, "modules.builtin": nil,
				"modules.builtin.modinfo": nil})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			result, err := Index(Options{Root: tree.Root, Release: tree.Release})
			_, perr := kmod.ParseModule(tc.data)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("%d MiB were allocated", used>>20)
			}
			if tc.want == "" {
				if len(result.Problems) > 0 || perr != nil {
					t.Errorf("%+v, %v", result.Problems, perr)
				}
				return
			}
			if len(result.Problems) != 1 || !strings.Contains(result.Problems[0].Text, tc.want) ||
				!strings.Contains(result.Problems[0].Text, "a.ko") {
				t.Errorf("problems: %+v", result.Problems)
			}
			if !errors.Is(perr, kmod.ErrInvalidModule) || !strings.Contains(perr.Error(), tc.want) {
				t.Errorf("ParseModule: %v", perr)
			}
		})
	}
}

// Relocations are of no interest to an index, and so are wild ones.
func TestIndexWildRelocations(t *testing.T) {
	data := bytes.Replace(kmodtest.Sample().Bytes(), []byte(".text\x00"), []byte(".rela\x00"), 1)
	order := binary.LittleEndian
	h := sectionHeader(data, ".rela")
	order.PutUint32(h[4:], 4)      // SHT_RELA
	order.PutUint32(h[40:], 1<<31) // symbol table
	order.PutUint32(h[44:], 1<<31) // section to relocate
	tree := testTree(t, map[string][]byte{"a.ko": data, "modules.order": nil, "modules.builtin": nil,
		"modules.builtin.modinfo": nil})
	result, err := Index(Options{Root: tree.Root, Release: tree.Release})
	if err != nil || len(result.Problems) > 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

// A file that becomes shorter after it was opened is an error, not a fault.
func TestScanFileBeingWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ko")
	if err := os.WriteFile(path, kmodtest.Sample().Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	var s fileSource
	if err := s.open(path); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := os.Truncate(path, 70); err != nil {
		t.Fatal(err)
	}
	_, err := ko.Read(&s)
	if _, ok := errors.AsType[*ko.FormatError](err); !ok || !strings.Contains(err.Error(), "still being written") {
		t.Errorf("got %v", err)
	}
}

// Links that lead in a circle or nowhere, pipes and folders in place of modules:
// the index has the others, and what was passed over is said.
func TestIndexOddFiles(t *testing.T) {
	tree := testTree(t, map[string][]byte{"kernel/a.ko": kmodtest.Exporting("a"),
		"kernel/dir.ko/b.ko": kmodtest.Exporting("b"),
		"modules.order":      nil, "modules.builtin": nil, "modules.builtin.modinfo": nil})
	for link, target := range map[string]string{"kernel/up": "..", "kernel/none.ko": "nowhere", "loop.ko": "loop.ko",
		"kernel/root": tree.Root, "kernel/dev.ko": "/dev/zero"} {
		if err := os.Symlink(target, filepath.Join(tree.Dir(), link)); err != nil {
			t.Fatal(err)
		}
	}
	result, err := Index(Options{Root: tree.Root, Release: tree.Release})
	if err != nil {
		t.Fatal(err)
	}
	if result.Modules != 2 {
		t.Errorf("%d modules, want a and b", result.Modules)
	}
	var names []string
	for _, p := range result.Problems {
		names = append(names, filepath.Base(p.Path))
		if !strings.Contains(p.Text, p.Path) {
			t.Errorf("%q does not name the file", p.Text)
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "dev.ko loop.ko none.ko" {
		t.Errorf("problems with %s", got)
	}
}

// Names that the binary files cannot hold stop everything before a file changes.
func TestIndexBeyondASCII(t *testing.T) {
	tree := testTree(t, map[string][]byte{"a.ko": kmodtest.Module{Info: []string{"alias=größe"}}.Bytes(),
		"modules.dep": []byte("old\n")})
	_, err := Index(Options{Root: tree.Root, Release: tree.Release})
	if err == nil || !strings.Contains(err.Error(), "größe") || !strings.Contains(err.Error(), "7-bit") {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(tree.Dir(), "modules.dep")); string(data) != "old\n" {
		t.Errorf("modules.dep is %q", data)
	}
}

// FuzzScan gives the index's reader any file.
func FuzzScan(f *testing.F) {
	whole := kmodtest.Sample().Bytes()
	f.Add(whole)
	f.Add(whole[:300])
	f.Add(kmodtest.Module{Is32: true, Big: true, Info: []string{"alias=a", "alias"}}.Bytes())
	path := filepath.Join(f.TempDir(), "a.ko")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s := scanner{seen: map[string]int{}}
		out := s.scan(path)
		if out.err != nil {
			if !strings.Contains(out.err.Error(), path) {
				t.Fatalf("%v does not name the file", out.err)
			}
			return
		}
		size := 0
		for _, list := range [][]string{out.aliases, out.softdeps, out.weakdeps} {
			for _, s := range list {
				size += len(s)
			}
		}
		if size > len(data) && kmod.CompressionOf(data) == kmod.None {
			t.Fatalf("%d bytes of fields from a file of %d", size, len(data))
		}
	})
}
