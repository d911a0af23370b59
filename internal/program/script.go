// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// Interpreter is what a script's first line names, as the kernel understands it (fs/binfmt_script.c). The kernel starts
// Path with Args and the script's own path.
type Interpreter struct {
	Path string
	Args []string // none or one: the kernel does not split what follows the path
}

// Command returns what has to be there for the script to run, beside Path: what env looks for in PATH, which is python3
// after "#!/usr/bin/env python3" and after "#!/usr/bin/env -S python3 -u". It is empty if Path is not env, or
// if env's arguments do not tell.
func (i *Interpreter) Command() string {
	if path.Base(i.Path) != "env" || len(i.Args) == 0 {
		return ""
	}
	arg := i.Args[0]
	split, ok := strings.CutPrefix(arg, "-S")
	if !ok {
		split, ok = strings.CutPrefix(arg, "--split-string=")
	}
	if !ok {
		if strings.HasPrefix(arg, "-") || strings.Contains(arg, "=") {
			return "" // env then runs the script itself, again and again
		}
		return arg
	}
	if strings.ContainsAny(split, `"'\$#`) {
		return "" // env has a syntax of its own for these
	}
	value := false
	for word := range strings.FieldsSeq(split) {
		switch {
		case value:
			value = false
		case word == "-u", word == "-C":
			value = true // follows
		case !strings.HasPrefix(word, "-") && !strings.Contains(word, "="):
			return word
		}
	}
	return ""
}

// lineSize is how much of a file the kernel looks at: BINPRM_BUF_SIZE, since 5.1.
const lineSize = 256

// script reads a file that begins with #!.
func script(name string, data []byte) (*Program, error) {
	wrong := func(hint, format string, args ...any) (*Program, error) {
		return nil, &WrongError{Name: name, Is: Shebang, What: fmt.Sprintf(format, args...), Hint: hint}
	}
	const write = "write #!/bin/sh, or another interpreter's path, as its first line"
	i, why := parseLine(data)
	switch {
	case why != "":
		return wrong(write, "has a #! line that the kernel refuses: %s", why)
	case strings.HasSuffix(i.Path, "\r") || len(i.Args) > 0 && strings.HasSuffix(i.Args[0], "\r"):
		return wrong(`remove them, as by: sed -i 's/\r$//' FILE`,
			"has lines that end in CR LF, and the kernel takes the CR for a part of the interpreter's name")
	case !strings.HasPrefix(i.Path, "/"):
		return wrong("write its whole path, or #!/usr/bin/env and the name",
			"names the interpreter %s, and the kernel would look for it in the current folder", show(i.Path))
	}
	return &Program{Kind: Script, Script: i}, nil
}

// parseLine understands the first line as the kernel does, which reads a buffer of lineSize bytes that ends in zeros if
// the file is shorter. why says why the kernel would refuse it.
func parseLine(data []byte) (i *Interpreter, why string) {
	var buf [lineSize]byte
	copy(buf[:], data)
	// The kernel's strnchr stops at a zero.
	end := bytes.IndexAny(buf[:], "\n\x00")
	if end < 0 || buf[end] == 0 {
		first := skipBlanks(buf[:], 2)
		if first == lineSize {
			return nil, "it names no interpreter"
		}
		if !bytes.ContainsAny(buf[first:], " \t\x00") {
			return nil, fmt.Sprintf("the interpreter's path does not end within %d bytes", lineSize)
		}
		end = lineSize - 1
	}
	for isBlank(buf[end-1]) {
		end--
	}
	start := skipBlanks(buf[:end], 2)
	if start >= end || buf[start] == 0 {
		return nil, "it names no interpreter"
	}
	// The kernel looks at the character at end, too, and then writes a zero over it.
	line := buf[:end+1]
	separator := start
	for separator <= end && !isBlank(line[separator]) && line[separator] != 0 {
		separator++
	}
	i = &Interpreter{Path: cString(line[start:min(separator, end)])}
	if separator <= end && line[separator] != 0 {
		if arg := skipBlanks(line, separator); arg <= end {
			i.Args = []string{cString(line[arg:end])}
		}
	}
	return i, ""
}

// skipBlanks returns where the blanks at an index end.
func skipBlanks(line []byte, at int) int {
	for at < len(line) && isBlank(line[at]) {
		at++
	}
	return at
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// cString is what a C string function sees of bytes.
func cString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
