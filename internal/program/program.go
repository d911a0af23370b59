// SPDX-License-Identifier: MIT

// Package program says what a file is that somebody wants to have run as a test in the guest: an executable, a script
// or C source. Of all else it says why the guest cannot run it. Of a dynamic executable, and of a library, it reads
// what the dynamic linker has to know. It is pure, and trusts no byte of a file: each file ends in an answer or in an
// error, with little memory and in little time.
package program

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path"
	"strings"
)

// Kind is what runs a program.
type Kind int

// The kinds of programs.
const (
	Static  Kind = iota + 1 // an executable that the kernel starts, and that needs no other file
	Dynamic                 // an executable that a dynamic linker loads, with its libraries
	Script                  // a text whose first line names its interpreter after #!
	CSource                 // C, which has to be compiled first
)

func (k Kind) String() string {
	switch k {
	case Static:
		return "static executable"
	case Dynamic:
		return "dynamic executable"
	case Script:
		return "script"
	case CSource:
		return "C source"
	}
	return fmt.Sprintf("program of kind %d", int(k))
}

// Program is what a file is that can be run.
type Program struct {
	Kind Kind
	// Arch is what an executable is for: AMD64, or I386 if it is static. That one needs a kernel with
	// CONFIG_IA32_EMULATION, which Debian's kernels have.
	Arch   Arch
	Object *Object      // of Dynamic: what it needs
	Script *Interpreter // of Script
}

// Classify says what a file is, from its name and all its bytes. The bytes decide, if they say enough: the name only
// tells C from other text. If the guest cannot run it, the error is a *WrongError.
func Classify(name string, data []byte) (*Program, error) {
	wrong := func(is Wrong, what, hint string) (*Program, error) {
		return nil, &WrongError{Name: name, Is: is, What: what, Hint: hint}
	}
	switch {
	case len(data) == 0:
		return wrong(Empty, "is empty", "pass a program, a script or C source")
	case isModuleName(name):
		return wrong(Module, "is a kernel module, not a test", "a test is a program or a script that uses the module")
	case bytes.HasPrefix(data, []byte(elf.ELFMAG)):
		return executable(name, data)
	case bytes.HasPrefix(data, []byte("#!")):
		return script(name, data)
	}
	if what := formatOf(data); what != "" {
		return wrong(Data, "is "+what+", not a program", "pass a program for x86-64 Linux, a script or C source")
	}
	if path.Ext(name) == ".c" {
		return &Program{Kind: CSource}, nil
	}
	hint := "write the interpreter into its first line, such as #!/bin/sh"
	if other, ok := texts[path.Ext(name)]; ok {
		hint = other
	}
	if bytes.HasPrefix(data, []byte("\ufeff#!")) {
		hint = "remove the byte order mark (EF BB BF) before its #!"
	}
	return wrong(Text, "is text without #!, which no kernel runs", hint)
}

// texts says what to do with texts that are no programs, by the ending of their names.
var texts = map[string]string{
	".py": "write #!/usr/bin/env python3 as its first line",
	".pl": "write #!/usr/bin/perl as its first line",
	".h":  "pass the C source that includes it",
	".cc": cplusplus, ".cpp": cplusplus, ".cxx": cplusplus, ".C": cplusplus,
	".rs": compiled, ".go": compiled, ".S": compiled, ".s": compiled, ".asm": compiled,
}

const (
	compiled  = "compile it, best as a static executable, and pass that"
	cplusplus = "compile it, best with g++ -static, and pass the executable"
)

// isModuleName reports whether a name is that of a kernel module, compressed or not.
func isModuleName(name string) bool {
	for _, compressed := range []string{".gz", ".xz", ".zst"} {
		name = strings.TrimSuffix(name, compressed)
	}
	return path.Ext(name) == ".ko"
}

// formats are the first bytes of what people may pass by mistake.
var formats = []struct{ magic, what string }{
	{"MZ", "a program or a driver for Windows, or a kernel's image"},
	{"!<arch>\n", "an archive of object files (.a)"},
	{"\xcf\xfa\xed\xfe", "a program for macOS"},
	{"\xca\xfe\xba\xbe", "a program for macOS, or a Java class"},
	{"\x1f\x8b", "compressed (gzip)"},
	{"\xfd7zXZ\x00", "compressed (xz)"},
	{"\x28\xb5\x2f\xfd", "compressed (zstd)"},
	{"PK\x03\x04", "a ZIP archive"},
	{"BC\xc0\xde", "LLVM bitcode"},
	{"\x00asm", "WebAssembly"},
	{"\xff\xfe", "text in UTF-16"},
	{"\xfe\xff", "text in UTF-16"},
}

// formatOf names what is no text; it is empty for text.
func formatOf(data []byte) string {
	for _, f := range formats {
		if strings.HasPrefix(string(data[:min(len(data), 16)]), f.magic) && !(f.magic == "MZ" && isText(data)) {
			return f.what
		}
	}
	if !isText(data) {
		return fmt.Sprintf("data that begins with % x", data[:min(len(data), 8)])
	}
	return ""
}

// isText reports whether the start of a file has no control characters but those of text.
func isText(data []byte) bool {
	for _, c := range data[:min(len(data), 4096)] {
		if c < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", rune(c)) || c == 0x7f {
			return false
		}
	}
	return true
}
