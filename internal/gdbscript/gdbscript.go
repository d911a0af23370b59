// SPDX-License-Identifier: MIT

// Package gdbscript writes commands for gdb. No text of a guest or of a module gets into them but names that were
// checked.
package gdbscript

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/modmem"
)

// Options come before all others on gdb's command line: no file of the person's, of a folder or within a module's
// debug information is executed, and nothing is fetched.
var Options = []string{"-nx", "-iex", "set auto-load off", "-iex", "set auto-load safe-path /nonexistent"}

// Start says how gdb begins.
type Start struct {
	Symbols string   // the ELF file of the kernel
	Bridge  []string // a program that copies between gdb and the machine
	Loads   uint64   // where a module is loaded but its init has not begun; 0 if that is unknown
	Loaded  string   // the commands about a module that stopped there
	Sources []string // folders
	Breaks  []string // places in the kernel
}

// Text is the commands, of which the last lets the machine run.
func (s Start) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("set pagination off\nset confirm off\nset print thread-events off\nset architecture i386:x86-64")
	line("file %s", word(s.Symbols))
	for _, dir := range s.Sources {
		line("directory %s", word(dir))
	}
	bridge := make([]string, len(s.Bridge))
	for i, w := range s.Bridge {
		bridge[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	line("target remote | exec %s", strings.Join(bridge, " "))
	for _, place := range s.Breaks {
		line("break %s", place)
	}
	if s.Loads != 0 {
		line("hbreak *%#x", s.Loads)
		line("commands\nsilent\nsource %s\nend", s.Loaded)
	}
	line("set pagination on\ncontinue")
	return b.String()
}

// Module is a module under study that has just been loaded.
type Module struct {
	modmem.Module
	File   string   // of the module, with its debug information
	Breaks []string // places in it
	Once   []string // places in the part that the kernel frees after init
	AtInit bool     // stop there
}

// Text is the commands, of which the last lets the machine run. earlier are the modules that gdb knows already: what
// the kernel has freed of them after their init may be this one's memory now, so breakpoints there are temporary, and
// gdb is to forget what was there.
func (m Module) Text(earlier []Module) string {
	var b strings.Builder
	b.WriteString("set pagination off\n")
	for _, e := range earlier {
		if at := e.text(); at != 0 {
			fmt.Fprintf(&b, "remove-symbol-file -a %#x\n", at)
			b.WriteString(e.add(false))
		}
	}
	b.WriteString(m.add(true))
	if m.AtInit && m.Init != 0 {
		fmt.Fprintf(&b, "thbreak *%#x\n", m.Init)
	}
	for _, place := range m.Breaks {
		fmt.Fprintf(&b, "break %s\n", place)
	}
	for _, place := range m.Once {
		fmt.Fprintf(&b, "tbreak %s\n", place)
	}
	b.WriteString("set pagination on\ncontinue\n")
	return b.String()
}

// add is the command by which gdb learns where the module is.
func (m Module) add(withInit bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "add-symbol-file %s", word(m.File))
	for _, s := range m.Sections {
		if withInit || !strings.HasPrefix(s.Name, ".init") {
			fmt.Fprintf(&b, " -s %s %#x", s.Name, s.Addr)
		}
	}
	return b.String() + "\n"
}

// text is where the code is that stays; 0 if there is none.
func (m Module) text() uint64 {
	for _, s := range m.Sections {
		if s.Name == ".text" {
			return s.Addr
		}
	}
	return 0
}

// Other is the commands about any other module.
const Other = "continue\n"

// word is a word of a command that takes words: a backslash makes the next character an ordinary one.
func word(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(" \t'\"\\", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// CheckPath refuses a path that no command can hold.
func CheckPath(path string) error {
	if strings.ContainsAny(path, "\n\r\x00") {
		return fmt.Errorf("name %q to gdb: a path with a newline cannot be named: move it", path)
	}
	return nil
}

// CheckPlace refuses what is not FUNCTION, FILE:LINE or *ADDRESS: gdb's break takes conditions and more, in which it
// would call functions.
func CheckPlace(place string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._$+/:*-"
	if place == "" || strings.Trim(place, letters) != "" || place[0] == '-' {
		return fmt.Errorf("%q is no place to stop at: name a function, FILE:LINE or *ADDRESS", place)
	}
	return nil
}
