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

// TestTree builds folders of tests by their Makefile: one in the manner of kselftest, one in its own, one that fails.
func TestTree(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	tree := func(files map[string]string) (*Build, error) {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return build(t, Request{Sources: dir, Program: ByMakefile, CacheDir: cache})
	}
	const program = "int main(void) { return 0; }\n"
	b, err := tree(map[string]string{
		"Makefile": "TEST_GEN_PROGS := one two\nTEST_PROGS := run.sh\nTEST_FILES := data\ninclude ../lib.mk\n",
		"one.c":    program, "two.c": program, "run.sh": "#!/bin/sh\n", "data": "d\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.Tree == nil || strings.Join(b.Tree.Tests, " ") != "one two run.sh" {
		t.Fatalf("tests %+v", b.Tree)
	}
	for _, name := range []string{"one", "run.sh", "data"} {
		if _, err := os.Stat(filepath.Join(b.Tree.Dir, name)); err != nil {
			t.Error(err)
		}
	}
	b, err = tree(map[string]string{"Makefile": "all:\n\t$(CC) -o check check.c\n", "check.c": program})
	if err != nil || b.Tree == nil || strings.Join(b.Tree.Tests, " ") != "check" || b.Program != "" {
		t.Errorf("a Makefile of its own: %+v, %v", b, err)
	}
	for makefile, want := range map[string]string{
		"all:\n\ttrue\n":                                 "built no program",
		"all:\n\t$(CC) -o x x.c\n":                       "No such file",
		"TEST_GEN_PROGS := gone\ninclude ../lib.mk\n":    "gone",
		"TEST_PROGS := ../../etc/passwd\nall:\n\ttrue\n": "built no program",
	} {
		var failed *Error
		if _, err := tree(map[string]string{"Makefile": makefile}); !errors.As(err, &failed) ||
			failed.Kind != ErrCompile || !strings.Contains(failed.Message, want) {
			t.Errorf("%q: %v; want %q", makefile, err, want)
		}
	}
}
