// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// asks is a makefile that asks like the kernel's makefiles, with its try-run, and notes each command that really runs.
const asks = `
TMPOUT := .tmp_$$$$
try-run = $(shell set -e; TMP=$(TMPOUT)/tmp; trap "rm -rf $(TMPOUT)" EXIT; mkdir -p $(TMPOUT); if ($(1)) >/dev/null 2>&1; then echo "$(2)"; else echo "$(3)"; fi)
$(info plain $(call try-run,echo plain >>ran,-fplain,-fno))
$(info fails $(call try-run,echo fails >>ran; false,-ffails,-fno))
$(info empty [$(call try-run,echo empty >>ran; false,-fempty)])
$(info temp $(call try-run,echo temp >>ran; echo "int x = 100%2; # y" >"$$TMP" && grep -q '%2; # y$$' "$$TMP",-ftemp=1 -x,-fno))
$(info quote $(call try-run,echo quote >>ran; printf "%b\n" 'a b\\' | grep -q a,-fquote,-fno))
$(info tab $(call try-run,echo	tab >>ran,-ftab,-fno))
$(info spaces $(call try-run,  echo   spaces >>ran ,  -fspaces,-fno))
$(info first $(notdir $(firstword $(MAKEFILE_LIST))))
all: ;
`

func TestOptionsMakefile(t *testing.T) {
	makeProgram := needs.Program(t, "make")
	work := t.TempDir()
	if err := os.WriteFile(filepath.Join(work, "Makefile"), []byte(asks), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(options bool) (said string, ran []string) {
		t.Helper()
		cmd := exec.Command(makeProgram, "-s", "-C", work, "--no-print-directory")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		if options {
			cmd.Env = append(cmd.Env, "MAKEFILES="+filepath.Join(work, optionsFile))
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("make: %v\n%s", err, out)
		}
		list, _ := os.ReadFile(filepath.Join(work, "ran"))
		os.Remove(filepath.Join(work, "ran"))
		return string(out), strings.Fields(string(list))
	}
	want, all := run(false)
	if len(all) != 7 || !strings.Contains(want, "first Makefile") {
		t.Fatalf("the kernel's own way: says %q, runs %q", want, all)
	}

	own := tryRun.FindSubmatch([]byte(asks))
	if own == nil {
		t.Fatal("no try-run is found")
	}
	notes := filepath.Join(work, notesFile)
	put := func(notes string, known []string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(work, optionsFile), []byte(optionsText(string(own[1]), notes, known)),
			0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(notes, nil)
	if said, ran := run(true); said != want || !slices.Equal(ran, all) {
		t.Errorf("while it learns, make says %q, want %q; runs %q", said, want, ran)
	}
	took, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	put("", words(took))
	if said, ran := run(true); said != want || !slices.Equal(ran, []string{"fails", "empty", "tab"}) {
		t.Errorf("with what it learned, make says %q, want %q; runs %q, want only what did not succeed, and what is no single word", said, want, ran)
	}
}

// TestTryRun extracts the kernel's definition, of any length, and ignores a file that has none.
func TestTryRun(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\ntry-run = $(shell \\\n\tif ($(1)); \\\n\tfi)\n\nb = 2\n": "$(shell \\\n\tif ($(1)); \\\n\tfi)\n",
		"try-run=$(shell x)\nc = 3\n":                                    "$(shell x)\n",
		"# try-run = no\ntry-run-2 = no\n":                               "",
	} {
		dir := tree(t, map[string]string{"scripts/Kbuild.include": text})
		if got := findTryRun(dir); got != want {
			t.Errorf("of %q: %q, want %q", text, got, want)
		}
	}
	if got := findTryRun(t.TempDir()); got != "" {
		t.Errorf("without headers: %q", got)
	}
	for _, r := range []*Request{{}, {Learn: true, Kernel: &kernel.Kernel{Root: t.TempDir(), Release: "1"}}} {
		if made, err := writeOptions(r, t.TempDir(), GuestWork); made || err != nil {
			t.Errorf("options.mk is made for nothing, %v", err)
		}
	}
}

func TestWords(t *testing.T) {
	long := strings.Repeat("x\n", 3)
	for notes, want := range map[string][]string{
		"":                                nil,
		"a\nb\n":                          {"a", "b"},
		"a\nb":                            {"a"}, // truncated
		long:                              {"x"},
		"a b\nc\td\n\ne\\\n\x01\nf#$(g)%": nil,
		"f#$(g)\n":                        {"f#$(g)"},
	} {
		if got := words([]byte(notes)); !slices.Equal(got, want) {
			t.Errorf("words(%q) = %q, want %q", notes, got, want)
		}
	}
	var many bytes.Buffer
	for i := range 2 * maxKnownLines {
		many.WriteString(strings.Repeat("y", i+1) + "\n")
	}
	if n := len(words(many.Bytes())); n != maxKnownLines {
		t.Errorf("%d words", n)
	}
}

// TestLearn: the same modules come out whatever is known, and what was learned works for a real kernel's makefiles.
func TestLearn(t *testing.T) {
	sources := func() string {
		return tree(t,
			map[string]string{"Kbuild": "obj-m := a.o\nccflags-y += $(call cc-option,-fno-such-option) $(call cc-option,-Wno-unused)\n", "a.c": source("a")})
	}
	plain, err := build(t, Request{Sources: sources()})
	if err != nil {
		t.Fatal(err)
	}
	learned, err := build(t, Request{Sources: sources(), Learn: true})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Known != "" || learned.Known == "" || plain.ID == learned.ID {
		t.Fatalf("known %q and %q, IDs %s and %s", plain.Known, learned.Known, plain.ID, learned.ID)
	}
	notes, err := os.ReadFile(learned.Known)
	if err != nil {
		t.Fatal(err)
	}
	if got := words(notes); len(got) < 5 || strings.Contains(string(notes), "no-such-option") ||
		!strings.Contains(string(notes), "-Wno-unused") {
		t.Errorf("learned %d commands:\n%.500s", len(got), notes)
	}
	quick, err := build(t, Request{Sources: sources(), Known: learned.Known})
	if err != nil {
		t.Fatal(err)
	}
	want := readModule(t, plain)
	for what, b := range map[string]*Build{"while learning": learned, "with what was learned": quick} {
		if !bytes.Equal(readModule(t, b), want) {
			t.Errorf("%s another module comes out", what)
		}
	}
	t.Logf("%d commands learned; make took %.0f ms, with them %.0f ms", len(words(notes)), plain.Steps[0].MS,
		quick.Steps[0].MS)
}

func readModule(t *testing.T, b *Build) []byte {
	t.Helper()
	data, err := os.ReadFile(b.Modules[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
