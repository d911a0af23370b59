// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// ByMakefile is a Request.Program: the folder's own Makefile builds the programs, in the manner of kselftest
// (Documentation/dev-tools/kselftest.rst) or in its own.
const ByMakefile = "."

// Tree is a folder of tests as its Makefile left it.
type Tree struct {
	Dir   string   // on the host
	Tests []string // what is to be run, relative to Dir, in the Makefile's order
}

// selftestRules stand in for kselftest's own lib.mk, which is beside the folder in the kernel's sources: the programs
// of TEST_GEN_PROGS and the like are made of their sources.
const selftestRules = `CFLAGS ?= -O1 -g -Wall -pthread
OUTPUT ?= $(CURDIR)
override TEST_GEN_PROGS := $(patsubst %,$(OUTPUT)/%,$(TEST_GEN_PROGS))
override TEST_GEN_PROGS_EXTENDED := $(patsubst %,$(OUTPUT)/%,$(TEST_GEN_PROGS_EXTENDED))
override TEST_GEN_FILES := $(patsubst %,$(OUTPUT)/%,$(TEST_GEN_FILES))
all: $(TEST_GEN_PROGS) $(TEST_GEN_PROGS_EXTENDED) $(TEST_GEN_FILES)
$(OUTPUT)/%: %.c
	$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $< $(LDLIBS) -o $@
.PHONY: all`

// treeScript builds a folder and keeps it with the list of its tests. Its arguments are the rules, and how many
// compilers may run.
const treeScript = `[ -e ../lib.mk ] || printf '%s\n' "$1" > ../lib.mk
make --no-print-directory -j"$2" OUTPUT="$PWD"
make -s --no-print-directory OUTPUT="$PWD" \
	--eval='kmodlab-tests: ; @printf "%s\n" $(TEST_GEN_PROGS) $(TEST_PROGS)' kmodlab-tests > ../out/tests
cp -r . ../out/tree`

// buildProgram are the commands that build a program, or a folder of them.
func buildProgram(source, work string) []Command {
	if source != ByMakefile {
		return programCommands(source, work)
	}
	return []Command{{
		Argv:  []string{"/bin/sh", "-e", "-c", treeScript, "sh", selftestRules, fmt.Sprint(runtime.NumCPU())},
		Shown: []string{"make"},
	}}
}

// Bounds of a folder of tests. It will lie in the guest's memory.
const (
	maxTreeFiles = 5_000
	maxTests     = 1_000
)

// collectTree copies the folder from a finished work folder to dst. Its content is foreign.
func collectTree(work, dst string) (files []file, tests []string, err error) {
	out, err := beneath.Open(filepath.Join(work, "out"))
	if err != nil {
		return nil, nil, hostError("open the built tests", err)
	}
	defer out.Close()
	var programs []string
	var total int64
	err = fs.WalkDir(out.FS(), "tree", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return hostile("read the built tests: %w", err)
		case !d.Type().IsRegular() || strings.HasSuffix(name, ".o"):
			return nil
		case len(files) == maxTreeFiles:
			return hostile("there are more than %d files beside the tests", maxTreeFiles)
		}
		rel := strings.TrimPrefix(name, "tree/")
		f, err := take(out, name, dst, path.Join(programDir, rel))
		if err != nil {
			return err
		}
		if total += f.Size; total > maxTotalBytes {
			return hostile("together the tests are larger than %d MiB", maxTotalBytes>>20)
		}
		files = append(files, f)
		if executable(out, name) {
			programs = append(programs, rel)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	named, err := namedTests(out, files)
	if err != nil {
		return nil, nil, err
	}
	if tests = named; len(tests) == 0 {
		tests = programs
	}
	if len(tests) == 0 {
		return nil, nil, &Error{Kind: ErrCompile, Message: "the Makefile of the tests built no program",
			Hint: "have its first goal build them, or name them in TEST_GEN_PROGS and TEST_PROGS, as kselftest does"}
	}
	return files, tests[:min(len(tests), maxTests)], nil
}

// namedTests are the tests that the Makefile names, as far as they are there.
func namedTests(out *beneath.Folder, files []file) ([]string, error) {
	text, err := out.Read("tests", maxSourceText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, hostile("read the list of tests: %w", err)
	}
	var tests []string
	for line := range bytes.Lines(text) {
		name := strings.TrimSpace(string(line))
		if at := strings.LastIndex(name, "/src/"); path.IsAbs(name) && at >= 0 {
			name = name[at+len("/src/"):]
		}
		there := func(f file) bool { return f.Path == path.Join(programDir, name) }
		if name != "" && filepath.IsLocal(name) && slices.ContainsFunc(files, there) && !slices.Contains(tests, name) {
			tests = append(tests, name)
		}
	}
	return tests, nil
}

// executable reports whether a file is a program for the guest, and no library.
func executable(folder *beneath.Folder, name string) bool {
	f, err := folder.Open(name, maxModuleBytes)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [20]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != elf.ELFMAG {
		return false
	}
	kind := elf.Type(uint16(head[16]) | uint16(head[17])<<8)
	return kind == elf.ET_EXEC || kind == elf.ET_DYN && !strings.Contains(path.Base(name), ".so")
}
