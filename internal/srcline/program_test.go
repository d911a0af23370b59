// SPDX-License-Identifier: MIT

package srcline

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// link makes an executable from testdata/program.c.
func link(t testing.TB, flags ...string) []byte {
	t.Helper()
	gcc := needs.Program(t, "gcc")
	file := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-O1", "-o", file, "testdata/program.c"}, flags...)
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// offsetOf is where in the file a function begins.
func offsetOf(t *testing.T, data []byte, name string) uint64 {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		symbols, err = f.DynamicSymbols()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name != name {
			continue
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD && s.Value >= p.Vaddr && s.Value < p.Vaddr+p.Filesz {
				return s.Value - p.Vaddr + p.Off
			}
		}
	}
	t.Fatalf("the program has no function %s", name)
	return 0
}

func TestProgram(t *testing.T) {
	for name, c := range map[string]struct {
		flags    []string
		function string // that is at the begin of outer
		line     int
	}{
		"position-independent": {flags: []string{"-g", "-pie", "-fPIE"}, function: "poke", line: 4},
		"at its place":         {flags: []string{"-g", "-no-pie", "-fno-pie"}, function: "poke", line: 4},
		"DWARF 4":              {flags: []string{"-gdwarf-4"}, function: "poke", line: 4},
		"compressed":           {flags: []string{"-g", "-gz"}, function: "poke", line: 4},
		"in the old way":       {flags: []string{"-g", "-gz=zlib-gnu"}, function: "poke", line: 4},
		"types apart":          {flags: []string{"-g", "-fdebug-types-section"}, function: "poke", line: 4},
		"symbols":              {flags: nil, function: "outer"},
		"stripped":             {flags: []string{"-s", "-rdynamic"}, function: "outer"},
	} {
		t.Run(name, func(t *testing.T) {
			data := link(t, c.flags...)
			p, err := OpenProgram(data)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.At(offsetOf(t, data, "outer"))
			file := ""
			if c.line > 0 {
				file = "program.c"
			}
			if err != nil || got.Function != c.function || got.Line != c.line || got.File != "" && path.Base(got.File) != file ||
				got.Offset != 0 {
				t.Errorf("outer: %+v, %v", got, err)
			}
			got, err = p.At(offsetOf(t, data, "main") + 1)
			if err != nil || got.Function != "main" || c.line == 0 && got.Offset != 1 {
				t.Errorf("main: %+v, %v", got, err)
			}
			for _, offset := range []uint64{0, uint64(len(data)), 1 << 63} {
				if got, err := p.At(offset); !errors.Is(err, ErrUnknownPlace) {
					t.Errorf("offset %#x: %+v, %v", offset, got, err)
				}
			}
		})
	}
}

// TestNoProgram: what is no program, or says nothing of itself, is an error or an unknown place.
func TestNoProgram(t *testing.T) {
	for _, data := range [][]byte{nil, []byte("#!/bin/sh\n"), compile(t, "-g")} {
		if _, err := OpenProgram(data); err == nil {
			t.Errorf("%.20q is a program", data)
		}
	}
	data := link(t, "-s", "-static")
	p, err := OpenProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.At(f.Section(".text").Offset); !errors.Is(err, ErrUnknownPlace) {
		t.Errorf("a stripped program: %+v, %v", got, err)
	}
}

// TestHostileNesting: entries that are very deep end in an error, not in the end of the process by a full stack.
func TestHostileNesting(t *testing.T) {
	objcopy := needs.Program(t, "objcopy")
	data := link(t, "-gdwarf-4", "-no-pie", "-fno-pie")
	abbreviations := []byte{
		1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0x10, 0x17, 0, 0, // a unit with low_pc, high_pc and its lines
		2, 0x13, 1, 0, 0, // a structure without attributes, with children
		0,
	}
	const deep = 32 << 20
	info := make([]byte, 4, deep)
	info = append(info, 4, 0, 0, 0, 0, 0, 8) // version 4, abbreviations at 0, addresses of 8 bytes
	info = append(info, 1)
	info = binary.LittleEndian.AppendUint64(info, 0)
	info = binary.LittleEndian.AppendUint64(info, 1<<40)
	info = binary.LittleEndian.AppendUint32(info, 0)
	info = append(info, bytes.Repeat([]byte{2}, deep)...)
	binary.LittleEndian.PutUint32(info, uint32(len(info)-4))
	dir := t.TempDir()
	for name, data := range map[string][]byte{"program": data, "info": info, "abbrev": abbreviations} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(objcopy, "--update-section", ".debug_info=info", "--update-section", ".debug_abbrev=abbrev",
		"program", "hostile")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("objcopy: %v\n%s", err, out)
	}
	hostile, err := os.ReadFile(filepath.Join(dir, "hostile"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := OpenProgram(hostile)
	if err != nil || p.lines.data == nil {
		t.Fatalf("it is not read: %v", err)
	}
	f, err := elf.NewFile(bytes.NewReader(hostile))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "outer" })
	if _, err := p.lines.positions(symbols[i].Value); !errors.Is(err, errTooMuch) {
		t.Errorf("its debug information says: %v", err)
	}
	if got, err := p.At(offsetOf(t, hostile, "outer")); err != nil || got.Function != "outer" || got.Line != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzProgram(f *testing.F) {
	f.Add(link(f, "-g"), uint64(0x1130))
	f.Add(link(f, "-gdwarf-4", "-no-pie"), uint64(0x1130))
	f.Add(link(f, "-s", "-rdynamic"), uint64(0x1130))
	f.Fuzz(func(t *testing.T, data []byte, offset uint64) {
		p, err := OpenProgram(data)
		if err != nil {
			return
		}
		for at := range uint64(4) {
			if got, err := p.At(offset + at); err == nil && got.Function == "" && got.Line == 0 {
				t.Fatal("neither a place nor an error")
			}
		}
	})
}

// TestProgramMutations garbles a program in places, in a fixed sequence.
func TestProgramMutations(t *testing.T) {
	program := link(t, "-g")
	offset := offsetOf(t, program, "outer")
	r := rand.New(rand.NewPCG(1, 1))
	found := 0
	for range 300 {
		data := bytes.Clone(program)
		for range 1 + r.IntN(20) {
			data[r.IntN(len(data))] = byte(r.Uint32())
		}
		p, err := OpenProgram(data)
		if err != nil {
			continue
		}
		if _, err := p.At(offset); err == nil {
			found++
		}
	}
	if found == 0 {
		t.Error("no garbled program had the place: the bytes that were changed say nothing")
	}
}
