// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// judged is what debug/elf reads of a file, by way of its sections.
func judged(t *testing.T, data []byte) *Object {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	o := &Object{Arch: Arch{Bits: 64, Machine: f.Machine}}
	if f.Class == elf.ELFCLASS32 {
		o.Arch.Bits = 32
	}
	if s := f.Section(".interp"); s != nil {
		interp, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		o.Interp = cString(interp)
	}
	for tag, to := range map[elf.DynTag]*string{
		elf.DT_SONAME: &o.Soname, elf.DT_RPATH: &o.RPath, elf.DT_RUNPATH: &o.RunPath,
	} {
		list, err := f.DynString(tag)
		if err != nil {
			t.Fatal(err)
		}
		*to = strings.Join(list, "|")
	}
	var errs [3]error
	o.Needed, errs[0] = f.ImportedLibraries()
	if f.Section(".gnu.version") == nil {
		return o
	}
	needs, err := f.DynamicVersionNeeds()
	errs[1] = err
	for _, n := range needs {
		for _, v := range n.Needs {
			o.Versions = append(o.Versions, Version{n.Name, v.Dep, v.Flags&elf.VER_FLG_WEAK != 0})
		}
	}
	defines, err := f.DynamicVersions()
	errs[2] = err
	for _, d := range defines {
		if d.Flags&elf.VER_FLG_BASE == 0 {
			o.Defines = append(o.Defines, d.Name)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return o
}

// library is one that defines two versions.
func library(tb testing.TB) []byte {
	tb.Helper()
	script := filepath.Join(tb.TempDir(), "script")
	if err := os.WriteFile(script, []byte(script1), 0o600); err != nil {
		tb.Fatal(err)
	}
	return build(tb, versioned, "-shared", "-fPIC", "-Wl,-soname,lib1.so.1", "-Wl,--version-script", "-Wl,"+script,
		"-Wl,-rpath,/a:$ORIGIN/../b")
}

// TestRead compares with debug/elf.
func TestRead(t *testing.T) {
	pie := once(t, hello)
	lib := library(t)
	files := map[string][]byte{
		"pie": pie, "library": lib,
		"rpath": build(t, hello, "-Wl,-rpath,/x/y:/z,--disable-new-dtags", "-lm", "-Wl,--no-as-needed", "-ldl"),
		"i386":  i386(t, "-Wl,-dynamic-linker,/lib/ld-linux.so.2", "-pie"),
	}
	host, err := filepath.Glob("/usr/lib/x86_64-linux-gnu/lib[cmpz]*.so.[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(host[:min(len(host), 40)], []string{"/bin/bash", "/usr/bin/python3"}) {
		if data, err := os.ReadFile(file); err == nil && len(data) < 4<<20 {
			files[file] = data
		}
	}
	for name, data := range files {
		want := judged(t, data)
		got, err := Read(bytes.NewReader(data), int64(len(data)), want.Arch)
		diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Object{}, "NoDefaultLib"))
		if diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	o, err := Read(bytes.NewReader(lib), int64(len(lib)), AMD64)
	if err != nil || !slices.Equal(o.Defines, []string{"LIB_1", "LIB_1.10"}) || o.RunPath != "/a:$ORIGIN/../b" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := Read(bytes.NewReader(pie), int64(len(pie)), I386); !errors.As(err, new(*ArchError)) {
		t.Errorf("another architecture: %v", err)
	}
	nodefault := build(t, hello, "-Wl,-z,nodefaultlib")
	if o, err := Read(bytes.NewReader(nodefault), int64(len(nodefault)), AMD64); err != nil || !o.NoDefaultLib {
		t.Errorf("-z nodefaultlib: %+v, %v", o, err)
	}
}

// TestReadFails: an error of reading is passed on, and is not damage.
func TestReadFails(t *testing.T) {
	data := once(t, hello)
	for n := range 40 {
		_, err := Read(&failing{bytes.NewReader(data), n}, int64(len(data)), AMD64)
		if err == nil {
			if n < 10 {
				t.Errorf("%d reads suffice", n)
			}
			return
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, new(*DamagedError)) {
			t.Fatal(err)
		}
	}
	t.Error("more than 40 reads")
}

type failing struct {
	src *bytes.Reader
	n   int
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.n--; f.n < 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return f.src.ReadAt(p, off)
}

// crafted is an executable whose dynamic section has what is wanted, at address and offset 0x1000, and behind it at
// 0x2000 what it refers to.
func crafted(dynamic []uint64, tables []byte) []byte {
	data := make([]byte, 0x2000, 0x2000+len(tables))
	copy(data, elf.ELFMAG+"\x02\x01\x01")
	order := binary.LittleEndian
	order.PutUint16(data[typeAt:], uint16(elf.ET_DYN))
	order.PutUint16(data[machineAt:], uint16(elf.EM_X86_64))
	order.PutUint64(data[32:], 64)
	order.PutUint16(data[54:], 56)
	order.PutUint16(data[phnumAt:], 3)
	header := func(at int, typ elf.ProgType, off, size uint64) {
		order.PutUint32(data[at:], uint32(typ))
		for n, field := range []uint64{off, off, off, size, size} {
			order.PutUint64(data[at+8+8*n:], field)
		}
	}
	header(64, elf.PT_LOAD, 0, uint64(0x2000+len(tables)))
	header(120, elf.PT_DYNAMIC, 0x1000, uint64(8*len(dynamic)))
	header(176, elf.PT_INTERP, 0x800, 3)
	copy(data[0x800:], "/i\x00")
	for n, word := range dynamic {
		order.PutUint64(data[0x1000+8*n:], word)
	}
	return append(data, tables...)
}

// words are the tables of versions: 32-bit numbers.
func words(list ...uint32) (data []byte) {
	for _, w := range list {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	return data
}

// TestHostile: what could take long, or much memory, ends in an error.
func TestHostile(t *testing.T) {
	const (
		strtab, strsz, needed = uint64(elf.DT_STRTAB), uint64(elf.DT_STRSZ), uint64(elf.DT_NEEDED)
		verneed, verdef       = uint64(elf.DT_VERNEED), uint64(elf.DT_VERDEF)
	)
	long := bytes.Repeat([]byte("x"), 100<<10)
	many := func(tag, value uint64, n int) (list []uint64) {
		for range n {
			list = append(list, tag, value)
		}
		return append(list, 0, 0)
	}
	for name, test := range map[string]struct {
		dynamic []uint64
		tables  []byte
		want    string
	}{
		"nothing":    {[]uint64{0, 0}, nil, ""},
		"no end":     {[]uint64{1 << 40, 0}, nil, "does not end"},
		"no strings": {[]uint64{needed, 0, 0, 0}, nil, "which has 0 bytes"},
		"far":        {[]uint64{strtab, 1 << 50, strsz, 9, needed, 0, 0, 0}, nil, "lies in no segment"},
		"wraps":      {[]uint64{strtab, 1<<64 - 1, strsz, 1 << 63, needed, 1 << 62, 0, 0}, nil, "a string at byte"},
		"endless":    {[]uint64{strtab, 0x2000, strsz, 1 << 40, needed, 0, 0, 0}, long, "does not end"},
		"many":       {append([]uint64{strtab, 0x2000, strsz, 9}, many(needed, 0, 200)...), []byte("x\x00"), ""},
		"far entry": {
			[]uint64{strtab, 0x2000, strsz, 1, verneed, 0x2010, 0, 0}, words(0, 0, 0, 0, 1, 0, 0, 1<<31), "lies in no segment",
		},
		"format":        {[]uint64{verneed, 0x2000, 0, 0}, words(7, 0, 0, 0), "has format 7"},
		"far version":   {[]uint64{verdef, 1 << 62, 0, 0}, nil, "lies in no segment"},
		"cut version":   {[]uint64{verdef, 0x2000, 0, 0}, words(1), "beyond its segment"},
		"empty library": {[]uint64{strtab, 0x2000, strsz, 1, needed, 0, 0, 0}, []byte{0}, ""},
	} {
		data := crafted(test.dynamic, test.tables)
		p, err := Classify(name, data)
		if test.want == "" {
			if err != nil || p.Kind != Dynamic {
				t.Errorf("%s: %v, %v", name, p, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// TestBounds: entries that lead to each other, or to the same long string, are read a bounded number of times.
func TestBounds(t *testing.T) {
	long := append(bytes.Repeat([]byte("x"), 60<<10), 0)
	dynamic := []uint64{uint64(elf.DT_STRTAB), 0x2000, uint64(elf.DT_STRSZ), 1 << 30}
	for range 3 {
		dynamic = append(dynamic, uint64(elf.DT_NEEDED), 0)
	}
	if _, err := Classify("long", crafted(append(dynamic, 0, 0), long)); err == nil {
		t.Error("three strings of 60 KiB are taken")
	}
	// Each entry is its own first version, too, so the lists within the list get longer by one each.
	for tag, entry := range map[elf.DynTag][]byte{
		elf.DT_VERNEED: words(1, 0, 0, 16), elf.DT_VERDEF: words(1, 0, 0, 0, 20),
	} {
		for _, test := range []struct {
			entries int
			want    string
		}{{40, "<nil>"}, {5000, "more than 1024 versions"}} {
			list := bytes.Repeat(entry, test.entries)
			list = append(list, entry[:len(entry)-4]...)
			data := crafted([]uint64{
				uint64(elf.DT_STRTAB), 0x2000, uint64(elf.DT_STRSZ), 4, uint64(tag), 0x2004, 0, 0,
			}, slices.Concat(words(0), list, words(0)))
			if _, err := Classify("list", data); !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("%s, %d entries: %v, want %s", tag, test.entries, err, test.want)
			}
		}
	}
}

// TestMutations garbles an executable in places, in a fixed sequence.
func TestMutations(t *testing.T) {
	data := once(t, hello)
	head := 4096 // where the tables are
	r := rand.New(rand.NewPCG(1, 1))
	good := 0
	for range 3000 {
		garbled := bytes.Clone(data)
		for range 1 + r.IntN(8) {
			garbled[r.IntN(head)] = byte(r.Uint32())
		}
		if check(t, garbled) {
			good++
		}
	}
	if good == 0 || good == 3000 {
		t.Errorf("%d of 3000 are good", good)
	}
}

// check reads a file, wants what must be true of any, and reports whether it is a program.
func check(t *testing.T, data []byte) bool {
	t.Helper()
	p, err := Classify("file.c", data)
	wrong, is := errors.AsType[*WrongError](err)
	if (p == nil) != is || is && (wrong.Is == 0 || wrong.What == "" || wrong.Hint == "") {
		t.Fatalf("neither program nor reason: %+v, %v", p, err)
	}
	for _, arch := range []Arch{AMD64, I386} {
		o, err := Read(bytes.NewReader(data), int64(len(data)), arch)
		if (o == nil) == (err == nil) {
			t.Fatalf("neither object nor error: %+v, %v", o, err)
		}
		if o == nil {
			continue
		}
		all := slices.Concat([]string{o.Interp, o.Soname, o.RPath, o.RunPath}, o.Needed, o.Defines)
		for _, v := range o.Versions {
			all = append(all, v.Name)
		}
		if text := strings.Join(all, ""); strings.Contains(text, "\x00") || len(text) > maxStrings+maxPath {
			t.Fatalf("%d bytes of strings", len(text))
		}
		_ = Satisfied(o, "here", func(string) ([]string, bool) { return o.Defines, true })
	}
	if p != nil && p.Script != nil {
		p.Script.Command()
	}
	return p != nil
}

func FuzzClassify(f *testing.F) {
	for _, seed := range [][]byte{
		once(f, hello)[:0x3000], build(f, tiny, "-nostdlib", "-static-pie", "-s"), library(f),
		build(f, tiny, "-m32", "-nostdlib", "-static"), crafted([]uint64{0, 0}, words(1, 2, 3)),
		[]byte("#!/usr/bin/env -S a=b c\n"), []byte("int main;\n"), []byte("\ufeff#!"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

func FuzzScript(f *testing.F) {
	for _, seed := range []string{"/bin/sh -e\n", " \t/usr/bin/env\x00 python3", "/usr/bin/env -S-S a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		text := append([]byte("#!"), line...)
		i, why := parseLine(text)
		if (i == nil) == (why == "") {
			t.Fatalf("neither interpreter nor reason: %v, %q", i, why)
		}
		if i == nil {
			return
		}
		i.Command()
		for _, s := range append(i.Args, i.Path) {
			if strings.ContainsAny(s, "\x00\n") || !bytes.Contains(text, []byte(s)) {
				t.Fatalf("%q is not of the line", s)
			}
		}
		if i.Path == "" || len(i.Args) > 1 {
			t.Fatalf("%q", i)
		}
	})
}
