// SPDX-License-Identifier: MIT

package kbuild

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// programDir is the folder of an entry, and below a work folder's out, with the programs that were built.
const programDir = "bin"

// programCommands compile one C source to a program. It has debug data, so that a crash can be placed, and what a
// person would leave out is on: warnings and threads.
func programCommands(source, work string) []Command {
	name := programName(source)
	words := []string{"gcc", "-O1", "-g", "-Wall", "-pthread"}
	place := []string{"-ffile-prefix-map=" + work + "/src=" + SourceDir}
	out := work + "/out/" + name
	return []Command{{
		Argv:  append(append(words[:len(words):len(words)], place...), "-o", out, "./"+source),
		Shown: append(words[:len(words):len(words)], "-o", name, source),
	}}
}

// programName is the name of the program of a source.
func programName(source string) string { return strings.TrimSuffix(path.Base(source), ".c") }

// collectProgram copies the program from a finished work folder to dst. The folder's content is foreign.
func collectProgram(work, dst, source string) ([]file, error) {
	out, err := beneath.Open(filepath.Join(work, "out"))
	if err != nil {
		return nil, hostError("open the built program", err)
	}
	defer out.Close()
	name := programName(source)
	f, err := take(out, name, dst, path.Join(programDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hostile("the compiler left no program %s", name)
	}
	if err != nil {
		return nil, err
	}
	return []file{f}, nil
}
