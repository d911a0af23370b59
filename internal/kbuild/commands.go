// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// CompileCommand is how one source file was compiled, for tools that read C such as clangd: an entry of
// compile_commands.json. All its paths are absolute paths of this machine.
type CompileCommand struct {
	Directory string   `json:"directory"`
	Arguments []string `json:"arguments"`
	File      string   `json:"file"`
}

// commandsFile, below a work folder and a cache entry, holds the command lines by which kbuild made objects.
const commandsFile = "commands"

// maxCommands bounds it. A line has 4 kB, and a folder at most maxSourceFiles.
const maxCommands = 64 << 20

// gather is a command of ours after those of the build. kbuild leaves a hidden file beside each object with the command
// that made it, and the work folder does not outlive the build. Whatever happens here, the modules are built.
func gather(work string) Command {
	const script = `{
	find . -type f -name '.*.o.cmd' -exec grep -h '^\(saved\)\{0,1\}cmd_' {} + | head -c "$2" >"$1"
} 2>/dev/null; :`
	return Command{
		Argv: []string{"/bin/sh", "-c", script, "sh", filepath.Join(work, commandsFile), fmt.Sprint(maxCommands)},
	}
}

// CompileCommands are those for the person's own source files, sorted by file. What a build leaves is foreign, so they
// are only what translation lets pass. A build that left no command lines has none.
func (b *Build) CompileCommands() ([]CompileCommand, error) {
	text, err := os.ReadFile(filepath.Join(b.Dir, commandsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the compilers' command lines: %w", err)
	}
	var list []CompileCommand
	for line := range strings.Lines(string(text)) {
		c, rel := b.at.command(strings.TrimSuffix(line, "\n"))
		if b.own[rel] {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b CompileCommand) int { return strings.Compare(a.File, b.File) })
	return slices.CompactFunc(list, func(a, b CompileCommand) bool { return a.File == b.File }), nil
}

// Symvers is Module.symvers, empty if the build left none. Before 6.13 it names modules by their whole path, which is
// that of the person's folder here, as after a build in it.
func (b *Build) Symvers() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.Dir, symversFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", symversFile, err)
	}
	return bytes.ReplaceAll(text, []byte("\t"+b.at.src+"/"), []byte("\t"+b.at.sources+"/")), nil
}

// translation turns what a compiler was given where the build ran into what an editor on this machine needs.
type translation struct {
	src     string // the sources' folder as the compiler saw it
	sources string // the same on this machine
	root    string // the tree that the compiler saw as /
	build   string // the folder of the kernel's headers in it
	headers string // the same on this machine
}

func newTranslation(src string, snap *sourceFolder, k *kernel.Kernel) translation {
	return translation{src: src, sources: snap.dir, root: k.Root, build: k.BuildDir(), headers: headersDir(k)}
}

var reCommand = lazyregexp.New(`^(?:saved)?cmd_(\S+)\.o := (.*)$`)

// command translates a line of a .cmd file. rel is the source file below the sources' folder, "" if it is elsewhere or
// if the line is not about a compiler.
func (t translation) command(line string) (c CompileCommand, rel string) {
	m := reCommand.FindStringSubmatch(line)
	if m == nil {
		return c, ""
	}
	words := shellWords(ofMake.Replace(m[2]))
	if len(words) < 2 || !strings.HasSuffix(words[len(words)-1], ".c") && !strings.HasSuffix(words[len(words)-1], ".S") {
		return c, ""
	}
	// Since 6.13 make runs in the folder of the sources, and names objects as seen from there.
	dir := t.headers
	if !filepath.IsAbs(m[1]) {
		dir = t.sources
	}
	source := t.path(dir, words[len(words)-1])
	rel, ok := strings.CutPrefix(source, t.sources+"/")
	if !ok {
		return c, ""
	}
	kept := t.arguments(dir, words[1:len(words)-1])
	ours := []string{"-Wno-unknown-warning-option", "-fsyntax-only", source}
	args := slices.Concat([]string{compiler(words[0])}, kept, ours)
	return CompileCommand{Directory: t.sources, Arguments: args, File: source}, rel
}

// ofMake undoes what make needs to read a command again.
var ofMake = strings.NewReplacer("$(pound)", "#", "$$", "$")

// shellWords splits the first command of a shell's line into words.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote byte
	begun := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case c == '\\' && i+1 < len(line):
			if i++; quote == '"' && !strings.ContainsRune("\"\\$`", rune(line[i])) {
				word.WriteByte(c)
			}
			word.WriteByte(line[i])
			begun = true
		case strings.IndexByte(" \t;&|<>()", c) < 0:
			word.WriteByte(c)
			begun = true
		default:
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
			if c != ' ' && c != '\t' {
				return words
			}
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

var reCompiler = lazyregexp.New(`^(?:[a-z0-9_]+-linux-gnu-)?(?:gcc|clang)(?:-\d+)?$`)

// compiler is the name of the compiler, from which clangd tells whose options follow. An editor may be told to run it
// (--query-driver), so it is no path that a build chose.
func compiler(word string) string {
	if name := filepath.Base(word); reCompiler.MatchString(name) {
		return name
	}
	return "gcc"
}

// path is a path on this machine. dir, on this machine, is where a relative one begins.
func (t translation) path(dir, p string) string {
	if !filepath.IsAbs(p) {
		return filepath.Join(dir, p)
	}
	p = filepath.Clean(p)
	for _, place := range [][2]string{{t.src, t.sources}, {t.build, t.headers}} {
		if rest, ok := strings.CutPrefix(p, place[0]); ok && (rest == "" || rest[0] == '/') {
			return place[1] + rest
		}
	}
	return filepath.Join(t.root, p)
}

// withPath are the options that a path follows, in the same word or in the next one. An option whose name begins like
// another's comes first.
var withPath = []string{"-include", "-imacros", "-isystem", "-iquote", "-idirafter", "-I"}

// reMeaning matches the other options that an editor needs: those that change what the source means or which warnings
// there are. All others are dropped. Most of them are gcc's own, each kernel has new ones, and clang shows an error for
// each in every file. What generates code says nothing about the source. And some, such as plugins, would let whoever
// wrote a Makefile run a program in the editor.
var reMeaning = lazyregexp.New(`^(?:` + strings.Join([]string{
	`-[DU].+`, `-O[0-3s]?`, `-std=[\w+:]+`, `-nostdinc`, `-m(?:16|32|64)`, `-m(?:no-)?(?:sse|mmx|avx|3dnow)[\w.]*`,
	`-W(?:no-)?[a-z][\w+-]*(?:=[\w-]+)?`, `-f(?:no-)?(?:short-wchar|short-enums|unsigned-char|signed-char|common|PIE|pie|PIC|pic|builtin[\w-]*|` +
		`strict-aliasing|strict-overflow|wrapv|ms-extensions|plan9-extensions|freestanding|hosted|gnu89-inline)`,
	`-mcmodel=kernel`,
}, "|") + `)$`)

// reStrict would make errors of warnings that only clang has.
var reStrict = lazyregexp.New(`^-(?:Werror|pedantic-errors)$`)

// arguments translates the options of a compiler that ran in dir.
func (t translation) arguments(dir string, words []string) []string {
	var kept []string
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == "-D" || w == "-U" {
			if i++; i < len(words) {
				kept = append(kept, w+words[i])
			}
			continue
		}
		option := ""
		for _, o := range withPath {
			if strings.HasPrefix(w, o) {
				option = o
				break
			}
		}
		switch {
		case option != "" && w == option:
			if i++; i < len(words) {
				kept = append(kept, option, t.path(dir, words[i]))
			}
		case option == "-include", option == "-imacros": // gcc has -include-pch and the like
		case option != "":
			kept = append(kept, option+t.path(dir, strings.TrimPrefix(w, option)))
		case reMeaning.MatchString(w) && !reStrict.MatchString(w):
			kept = append(kept, w)
		}
	}
	return kept
}
