// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// What the compiler answers to the kernel's makefiles is learned while building trusted sources (Request.Learn), and
// given to later builds with the same kernel (Request.Known). options.mk says how.

//go:embed options.mk
var optionsMakefile string

const (
	optionsFile = "options.mk"  // below a work folder
	notesFile   = "notes"       // below a work folder
	knownFile   = "options.txt" // below a cache entry
)

// Bounds of what is learned: some 40 commands of 1 kB each.
const (
	maxKnown      = 1 << 20
	maxKnownLines = 1000
)

// writeOptions creates the work folder's options.mk. It is omitted if there is nothing to learn and nothing known, or
// if this kernel asks in a way that we do not recognise.
func writeOptions(r *Request, work, seenAs string) (made bool, err error) {
	if !r.Learn && r.Known == "" {
		return false, nil
	}
	own := findTryRun(headersDir(r.Kernel))
	if own == "" {
		return false, nil
	}
	notes := ""
	if r.Learn {
		notes = seenAs + "/" + notesFile
	}
	known, _ := os.ReadFile(r.Known) // without it the build just takes longer
	text := optionsText(own, notes, words(known))
	if err := os.WriteFile(filepath.Join(work, optionsFile), []byte(text), 0o644); err != nil {
		return false, hostError("create the work folder", err)
	}
	return true, nil
}

// optionsText is options.mk and what it builds on: the kernel's own try-run, the file in which to note what the
// compiler accepted ("" for none), and what it is known to accept.
func optionsText(own, notes string, known []string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "kmodlab-own = %skmodlab-notes := %s\n", own, notes)
	for _, word := range known {
		fmt.Fprintf(&text, "kmodlab-known += %s\n", strings.NewReplacer("$", "$$", "#", `\#`).Replace(word))
	}
	return text.String() + optionsMakefile
}

// findTryRun reads the definition of try-run in a kernel's headers: since 5.16 it is in the first of these files.
func findTryRun(headers string) string {
	for _, name := range []string{"scripts/Makefile.compiler", "scripts/Kbuild.include"} {
		text, err := os.ReadFile(filepath.Join(headers, name))
		if m := tryRun.FindSubmatch(text); err == nil && m != nil {
			return string(m[1])
		}
	}
	return ""
}

// tryRun is the definition with all its lines, from 5.10 to 7.3.
var tryRun = lazyregexp.New(`(?m)^try-run[ \t]*=[ \t]*((?:.*\\\n)*.*\n)`)

// words are the commands that a compiler accepted, as options.mk spells them. Two concurrent makes may have written
// into each other's line.
func words(notes []byte) []string {
	var list []string
	seen := make(map[string]bool)
	for line := range bytes.Lines(notes) {
		word, whole := strings.CutSuffix(string(line), "\n")
		blank := func(c rune) bool { return c <= ' ' }
		if !whole || word == "" || seen[word] || strings.ContainsFunc(word, blank) || strings.HasSuffix(word, `\`) {
			continue
		}
		seen[word] = true
		if list = append(list, word); len(list) == maxKnownLines {
			break
		}
	}
	return list
}
