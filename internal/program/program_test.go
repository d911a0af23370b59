// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

const (
	hello     = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { printf(\"%d\", atoi(\"7\")); return 0; }\n"
	tiny      = "void _start(void) { for (;;); }\n"
	versioned = "int old(void) { return 1; }\nint f(void) { return 2; }\n"
	script1   = "LIB_1 { global: old; local: *; };\nLIB_1.10 { global: f; } LIB_1;\n"
)

// build makes a file of a text in C and returns its bytes.
func build(tb testing.TB, text string, flags ...string) []byte {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "out")
	testlab.Build(tb, file, text, flags...)
	return read(tb, file)
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// built are executables that several tests only read.
var built sync.Map

func once(tb testing.TB, text string, flags ...string) []byte {
	tb.Helper()
	key := text + strings.Join(flags, " ")
	if data, ok := built.Load(key); ok {
		return bytes.Clone(data.([]byte))
	}
	data := build(tb, text, flags...)
	built.Store(key, data)
	return bytes.Clone(data)
}

// with is an ELF file with another number of two bytes at a place of its header.
func with(data []byte, at int, number uint16) []byte {
	data = bytes.Clone(data)
	binary.LittleEndian.PutUint16(data[at:], number)
	return data
}

const (
	typeAt, machineAt, phnumAt = 16, 18, 56 // in the header of a 64-bit file
)

// debugOnly is what objcopy leaves of an executable for a debugger.
func debugOnly(t *testing.T, data []byte) []byte {
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	objcopy := needs.Program(t, "objcopy")
	if out, err := exec.Command(objcopy, "--only-keep-debug", file, file+".debug").CombinedOutput(); err != nil {
		t.Fatalf("objcopy: %v\n%s", err, out)
	}
	return read(t, file+".debug")
}

func TestExecutables(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		kind Kind
		arch Arch
	}{
		"pie":         {once(t, hello), Dynamic, AMD64},
		"no-pie":      {build(t, hello, "-no-pie"), Dynamic, AMD64},
		"static":      {build(t, tiny, "-nostdlib", "-static"), Static, AMD64},
		"static-pie":  {build(t, tiny, "-nostdlib", "-static-pie"), Static, AMD64},
		"static i386": {build(t, tiny, "-m32", "-nostdlib", "-static"), Static, I386},
		"static libc": {build(t, hello, "-static"), Static, AMD64},
		"no sections": {with(with(once(t, hello), 60, 0), 62, 0), Dynamic, AMD64},
	} {
		p, err := Classify(name+".c", test.data) // the bytes decide
		if err != nil || p.Kind != test.kind || p.Arch != test.arch || (p.Kind == Dynamic) != (p.Object != nil) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	// A test is static, or dynamic with the race detector.
	if p, err := Classify("this", read(t, "/proc/self/exe")); err != nil || p.Kind != Static && p.Kind != Dynamic {
		t.Errorf("this program: %+v, %v", p, err)
	}
}

func TestWrongELF(t *testing.T) {
	pie, shared := once(t, hello), library(t)
	module := testlab.Compile(t, "testdata/module.c")
	vmlinux := build(t, tiny, "-nostdlib", "-static", "-fno-pic", "-mcmodel=kernel",
		"-Wl,-Ttext-segment=0xffffffff81000000")
	for name, test := range map[string]struct {
		data []byte
		is   Wrong
		want string
	}{
		"aarch64":    {with(pie, machineAt, uint16(elf.EM_AARCH64)), OtherMachine, "is for aarch64; the guest is x86-64"},
		"riscv":      {with(pie, machineAt, uint16(elf.EM_RISCV)), OtherMachine, "is for riscv64; "},
		"unknown":    {with(pie, machineAt, 64999), OtherMachine, "unknown machine (64999)"},
		"s390x":      {bigEndian(pie, elf.EM_S390), OtherMachine, "is for s390; "},
		"aarch64_be": {bigEndian(pie, elf.EM_AARCH64), OtherMachine, "is for big-endian aarch64"},
		"x32":        {with(i386(t), machineAt, uint16(elf.EM_X86_64)), OtherMachine, "is for x32; "},
		"i386": {i386(t, "-Wl,-dynamic-linker,/lib/ld-linux.so.2", "-pie"), Bits32,
			"32-bit program (i386) that needs /lib/ld-linux.so.2; the guest has no 32-bit libraries: link it with -static"},
		"library":    {shared, Library, "is a shared library"},
		"object":     {build(t, versioned, "-c"), ObjectFile, "is an object file: link it"},
		"module":     {module, Module, "is a kernel module, not a test"},
		"arm module": {with(module, machineAt, uint16(elf.EM_AARCH64)), Module, "is a kernel module"},
		"core":       {with(pie, typeAt, uint16(elf.ET_CORE)), Core, "is a core dump"},
		"no type":    {with(pie, typeAt, 0), Damaged, "of type 0"},
		"kernel":     {vmlinux, Kernel, "a vmlinux?"},
		"debug":      {debugOnly(t, pie), DebugOnly, "has the debug information"},
		"debug lib":  {debugOnly(t, shared), DebugOnly, "has the debug information"},
		"magic":      {[]byte(elf.ELFMAG), Damaged, "damaged ELF file"},
		"no headers": {with(pie, phnumAt, 0), Damaged, "no program headers"},
		"headers":    {with(pie, phnumAt, 2000), Damaged, "more than the kernel reads"},
		"cut":        {pie[:len(pie)/2], Damaged, "cut off"},
	} {
		_, err := Classify(name, test.data)
		wantWrong(t, name, err, test.is, test.want)
		if _, damaged := errors.AsType[*DamagedError](err); damaged != (test.is == Damaged) {
			t.Errorf("%s: %v is damage: %v", name, err, damaged)
		}
	}
}

// wantWrong wants an error that says so of a file.
func wantWrong(t *testing.T, name string, err error, is Wrong, text string) {
	t.Helper()
	wrong, typed := errors.AsType[*WrongError](err)
	if !typed || wrong.Is != is || !strings.HasPrefix(err.Error(), name+" ") || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want %q (%d)", name, err, text, is)
	}
}

// i386 is a 32-bit executable without libraries.
func i386(t *testing.T, flags ...string) []byte {
	t.Helper()
	return build(t, tiny, append([]string{"-m32", "-nostdlib", "-Wl,-z,noseparate-code"}, flags...)...)
}

// bigEndian is a file whose header says so.
func bigEndian(data []byte, machine elf.Machine) []byte {
	data = bytes.Clone(data)
	data[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	binary.BigEndian.PutUint16(data[typeAt:], uint16(elf.ET_DYN))
	binary.BigEndian.PutUint16(data[machineAt:], uint16(machine))
	return data
}

func TestOtherFiles(t *testing.T) {
	for name, test := range map[string]struct {
		data string
		is   Wrong
		want string
	}{
		"empty":     {"", Empty, "is empty"},
		"empty.c":   {"", Empty, "is empty"},
		"x.ko":      {"\x7fELF", Module, "is a kernel module"},
		"x.ko.zst":  {"\x28\xb5\x2f\xfd", Module, "is a kernel module"},
		"notes":     {"run this\n", Text, "first line, such as #!/bin/sh"},
		"a.py":      {"import os\n", Text, "#!/usr/bin/env python3"},
		"a.cpp":     {"int main() {}\n", Text, "g++ -static"},
		"bom":       {"\ufeff#!/bin/sh\n", Text, "byte order mark"},
		"a.exe":     {"MZ\x90\x00", Data, "for Windows"},
		"a.a":       {"!<arch>\nx", Data, "archive"},
		"a.gz":      {"\x1f\x8b\x08", Data, "gzip"},
		"b.c":       {"int main() { }\x00", Data, "69 6e 74 20"},
		"u.c":       {"\xff\xfei\x00n\x00t\x00", Data, "UTF-16"},
		"MZ":        {"MZ is text\n", Text, "is text"},
		"nothing":   {"#!", Shebang, "names no interpreter"},
		"blank":     {"#! \t \n", Shebang, "names no interpreter"},
		"dos":       {"#!/bin/sh\r\necho\r\n", Shebang, "CR LF"},
		"dos2":      {"#!/usr/bin/env python3\r\n", Shebang, "CR LF"},
		"relative":  {"#!python3\n", Shebang, "the interpreter python3"},
		"long":      {"#!/" + strings.Repeat("x", 300), Shebang, "within 256 bytes"},
		"terminal":  {"#!\x1b[2J\n", Shebang, `\x1b[2J`},
		"not quite": {"#", Text, "is text"},
	} {
		_, err := Classify(name, []byte(test.data))
		wantWrong(t, name, err, test.is, test.want)
	}
	for name, text := range map[string]string{"a.c": "int main(void)", "dir/ä.c": "// ä\n\fint x;\n"} {
		if p, err := Classify(name, []byte(text)); err != nil || p.Kind != CSource {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// TestTruncated: no part of an executable passes for one, nor for anything else than damage.
func TestTruncated(t *testing.T) {
	data := build(t, tiny, "-nostdlib", "-static-pie", "-s")
	for n := 4; n < len(data); n += 1 + n/64 {
		p, err := Classify("cut", data[:n])
		if _, is := errors.AsType[*DamagedError](err); !is && err != nil {
			t.Errorf("%d of %d bytes: %v", n, len(data), err)
		}
		// What follows the last segment, such as section headers, nobody misses.
		if err == nil && n < len(data)/2 {
			t.Errorf("%d of %d bytes pass for a %s", n, len(data), p.Kind)
		}
	}
}
