// SPDX-License-Identifier: MIT

package kbuild

import (
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgram builds a C source beside a module as a program, with the kernel's own toolchain, and finds it again.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Kbuild":      "obj-m := hello.o\n",
		"abi.h":       "#define ANSWER 42\n",
		"test-abi.c":  "#include \"abi.h\"\nint main(void) { return ANSWER != 42; }\n",
		"test_bad.c":  "int main(void) { return missing(); }\n",
		"test_warn.c": "int main(void) { int unused; return 0; }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cache := filepath.Join(t.TempDir(), "cache")
	for _, cached := range []bool{false, true} {
		b, err := build(t, Request{Sources: dir, Program: "test-abi.c", CacheDir: cache})
		if err != nil {
			t.Fatal(err)
		}
		if b.Cached != cached || filepath.Base(b.Program) != "test-abi" || len(b.Modules) != 0 {
			t.Errorf("cached %t, program %s, modules %v; want cached %t", b.Cached, b.Program, b.Modules, cached)
		}
		f, err := elf.Open(b.Program)
		if err != nil {
			t.Fatal(err)
		}
		if f.Section(".debug_line") == nil {
			t.Error("the program has no debug data")
		}
		f.Close()
	}
	b, err := build(t, Request{Sources: dir, Program: "test_warn.c", CacheDir: cache})
	if err != nil || len(b.Warnings) != 1 || b.Warnings[0].File != "test_warn.c" {
		t.Errorf("warnings %v, %v; want the unused variable", b.Warnings, err)
	}
	_, err = build(t, Request{Sources: dir, Program: "test_bad.c", CacheDir: cache})
	var failed *Error
	if !errors.As(err, &failed) || failed.Kind != ErrCompile || !strings.Contains(failed.Message, "test_bad.c:1") {
		t.Errorf("a program that does not compile: %v", err)
	}
}
