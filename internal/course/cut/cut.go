// SPDX-License-Identifier: MIT

// Package cut makes two files of one: what a student starts from, and the solution. The source is the solution with
// marker lines between its own lines. It is pure.
//
//	//> TODO 1: loop until kthread_stop() is called.    the text that students see; more such lines may follow
//	//>2 kthread_should_stop() tells that.              more text, from level of help 2 on
//		while (!kthread_should_stop())              the solution's lines, which the starter lacks
//			schedule();
//	//-	return -EINTR;                              what the starter has in their place
//	//=3                                                the lines from here on are given from level 3 on
//		return 0;
//	//- return 1;                                       what it has as long as they are not given
//	//<                                                 the end
//	//! Half of the class forgets this.                 a note for lecturers, anywhere; in neither of the two
//
// The markers are line comments, so the source itself compiles, and clang-format leaves them alone. In files whose
// comments begin with #, the markers are #>, #-, #=, #< and #!. In Markdown there is one pair, each on its own line:
// what is between <!-- lecturer --> and <!-- /lecturer --> is the lecturer's.
package cut

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// The levels of help. At the lowest, a student sees the TODO alone.
const (
	MinLevel = 1
	MaxLevel = 3
)

// never is the level of lines that no student is given.
const never = MaxLevel + 1

// Problem is what is wrong with the markers of a file.
type Problem struct {
	Line int // from 1
	Text string
}

// File is a source that has been read.
type File struct {
	syntax syntax
	parts  []part
	marked bool
}

// part is either lines outside of any block, or a block.
type part struct {
	lines []string
	block *block
}

// block is what is between //> and //<.
type block struct {
	indent   string
	text     []hint
	segments []segment
}

type hint struct {
	level int
	text  string
}

// segment is a run of the solution's lines, and what stands in for them.
type segment struct {
	level    int // from which the lines are given
	lines    []string
	standIns []string
}

// syntax says how comments are written in a file.
type syntax int

const (
	noSyntax syntax = iota // markers mean nothing there
	cSyntax
	hashSyntax
	markdownSyntax
)

func syntaxOf(name string) syntax {
	base := path.Base(name)
	switch path.Ext(base) {
	case ".c", ".h", ".S":
		return cSyntax
	case ".sh", ".mk", ".py", ".pl", ".conf", ".cfg":
		return hashSyntax
	case ".md":
		return markdownSyntax
	}
	for _, known := range []string{"Kbuild", "Makefile", "Kconfig"} {
		if base == known || strings.HasPrefix(base, known+".") {
			return hashSyntax
		}
	}
	return noSyntax
}

// Parse reads a file. Its name alone says how its comments are written; in a file of an unknown kind nothing is a
// marker. If there are problems, the File is not to be used.
func Parse(name string, source []byte) (*File, []Problem) {
	f := &File{syntax: syntaxOf(name)}
	if f.syntax == noSyntax {
		f.parts = []part{{lines: []string{string(source)}}}
		return f, nil
	}
	p := parser{file: f, syntax: f.syntax}
	if bytes.IndexByte(source, 0) >= 0 {
		p.problem(1, "this is not text: it has a NUL byte")
		return f, p.problems
	}
	for line := range strings.Lines(string(source)) {
		p.number++
		p.line(line)
	}
	if p.open != nil {
		p.problem(p.opened, "nobody ends this block: put %s after its last line", p.end())
	}
	return f, p.problems
}

// Marked reports whether the file has something that students do not get.
func (f *File) Marked() bool { return f.marked }

// Solution returns the source without its marker lines.
func (f *File) Solution() []byte {
	var b bytes.Buffer
	for _, p := range f.parts {
		write(&b, p.lines)
		if p.block == nil {
			continue
		}
		for _, s := range p.block.segments {
			write(&b, s.lines)
		}
	}
	return b.Bytes()
}

// Starter returns what a student starts from. The level is between MinLevel and MaxLevel.
func (f *File) Starter(level int) []byte {
	var b bytes.Buffer
	for _, p := range f.parts {
		write(&b, p.lines)
		if p.block != nil {
			p.block.starter(&b, f.syntax, level)
		}
	}
	return b.Bytes()
}

func write(b *bytes.Buffer, lines []string) {
	for _, line := range lines {
		b.WriteString(line)
	}
}

func (k *block) starter(b *bytes.Buffer, s syntax, level int) {
	given := func(s segment) bool { return s.level <= level }
	// Where everything is given there is nothing to do.
	if s != markdownSyntax && slices.ContainsFunc(k.segments, func(s segment) bool { return !given(s) }) {
		var text []string
		for _, h := range k.text {
			if h.level <= level {
				text = append(text, h.text)
			}
		}
		write(b, comment(s, k.indent, text))
	}
	for _, s := range k.segments {
		if given(s) {
			write(b, s.lines)
		} else {
			write(b, s.standIns)
		}
	}
}

// comment writes text as the kernel's coding style has comments.
func comment(s syntax, indent string, text []string) []string {
	line := func(before, text string) string { return strings.TrimRight(indent+before+text, " \t") + "\n" }
	var lines []string
	switch {
	case s == hashSyntax:
		for _, t := range text {
			lines = append(lines, line("# ", t))
		}
	case len(text) == 1:
		lines = append(lines, line("/* ", text[0]+" */"))
	default:
		lines = append(lines, line("/*", ""))
		for _, t := range text {
			lines = append(lines, line(" * ", t))
		}
		lines = append(lines, line(" */", ""))
	}
	return lines
}

func (p *parser) problem(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{line, fmt.Sprintf(format, args...)})
}
