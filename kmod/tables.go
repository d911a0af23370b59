// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"iter"
	"strings"
)

// The index files are searched as text, not parsed into maps: the kernel's helper looks up
// one name and exits, and a scan of 100 kB is cheaper than a thousand map entries.
// Malformed lines are skipped.

type depLine struct {
	path string
	deps []string
}

// lines yields the lines of text without their ends.
func lines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			line, rest, _ := bytes.Cut(data, []byte{'\n'})
			if !yield(bytes.TrimSuffix(line, []byte{'\r'})) {
				return
			}
			data = rest
		}
	}
}

func depLines(data []byte) iter.Seq[depLine] {
	return func(yield func(depLine) bool) {
		for line := range lines(data) {
			if l, ok := parseDep(line); ok && !yield(l) {
				return
			}
		}
	}
}

func parseDep(line []byte) (depLine, bool) {
	path, deps, ok := bytes.Cut(line, []byte{':'})
	if !ok || len(path) == 0 || path[0] == '#' || bytes.ContainsAny(path, " \t") {
		return depLine{}, false
	}
	return depLine{string(path), strings.Fields(string(deps))}, true
}

// findDep returns the first line of modules.dep for a module.
func findDep(data []byte, name string) (depLine, bool) {
	for line := range lines(data) {
		path, _, ok := bytes.Cut(line, []byte{':'})
		if !ok || !sameName(path[bytes.LastIndexByte(path, '/')+1:], name) {
			continue
		}
		if l, ok := parseDep(line); ok {
			return l, true
		}
	}
	return depLine{}, false
}

// sameName compares a file name with a module's name in underscore form.
func sameName(file []byte, name string) bool {
	if len(file) < len(name) || name == "" {
		return false
	}
	for i := range len(name) {
		c := file[i]
		if c == '-' {
			c = '_'
		}
		if c != name[i] || c == '.' {
			return false
		}
	}
	return len(file) == len(name) || file[len(name)] == '.'
}

func hasBuiltin(data []byte, name string) bool {
	for line := range lines(data) {
		if sameName(line[bytes.LastIndexByte(line, '/')+1:], name) {
			return true
		}
	}
	return false
}

// matchAliases returns the modules of all lines "alias PATTERN MODULE" whose
// pattern matches, in the file's order; one for each pattern.
func matchAliases(data []byte, name string) []string {
	var names []string
	for line := range lines(data) {
		rest, ok := bytes.CutPrefix(line, []byte("alias "))
		if !ok {
			continue
		}
		i := bytes.LastIndexByte(rest, ' ')
		if i <= 0 || !quickMatch(rest[:i], name) || !matchAlias(string(rest[:i]), name) {
			continue
		}
		names = append(names, strings.ReplaceAll(string(rest[i+1:]), "-", "_"))
	}
	return names
}

// matchBuiltinAlias searches the strings "MODULE.alias=PATTERN" of
// modules.builtin.modinfo.
func matchBuiltinAlias(data []byte, name string) string {
	for len(data) > 0 {
		entry, rest, _ := bytes.Cut(data, []byte{0})
		data = rest
		mod, pattern, ok := bytes.Cut(entry, []byte(".alias="))
		if ok && quickMatch(pattern, name) && matchAlias(string(pattern), name) {
			return strings.ReplaceAll(string(mod), "-", "_")
		}
	}
	return ""
}

func findSoftdeps(data []byte, name string) []Softdep {
	var all []Softdep
	for line := range lines(data) {
		rest, ok := bytes.CutPrefix(line, []byte("softdep "))
		if !ok {
			continue
		}
		mod, value, ok := bytes.Cut(rest, []byte{' '})
		if ok && sameName(mod, name) {
			all = append(all, ParseSoftdep(string(value)))
		}
	}
	return all
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// normalizeAlias turns - into _ outside of brackets, where - is a range.
func normalizeAlias(s string) string {
	if !strings.Contains(s, "-") {
		return s
	}
	b := []byte(s)
	depth := false
	for i, c := range b {
		switch {
		case c == '[':
			depth = true
		case c == ']':
			depth = false
		case c == '-' && !depth:
			b[i] = '_'
		}
	}
	return string(b)
}

// quickMatch compares the literal beginning of a pattern, which rules out nearly every
// line without copying it.
func quickMatch(pattern []byte, name string) bool {
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch c {
		case '*', '?', '[', '\\':
			return true
		case '-':
			c = '_'
		}
		if i >= len(name) || c != name[i] {
			return false
		}
	}
	return len(pattern) == len(name)
}

// matchAlias is fnmatch(3) without flags: * and ? match any character, / too.
// Both sides are compared in underscore form.
func matchAlias(pattern, name string) bool {
	return glob(normalizeAlias(pattern), normalizeAlias(name))
}

// glob goes back only to the last *, so its time is at most len(p)·len(s).
func glob(p, s string) bool {
	pi, si, star, mark := 0, 0, -1, 0
	for si < len(s) {
		if pi < len(p) && p[pi] == '*' {
			star, mark = pi, si
			pi++
			continue
		}
		if n, ok := globOne(p[pi:], s[si]); ok {
			pi += n
			si++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		pi, si = star+1, mark
	}
	for pi < len(p) && p[pi] == '*' {
		pi++
	}
	return pi == len(p)
}

// globOne matches one character and returns the pattern's length for it.
func globOne(p string, c byte) (int, bool) {
	if p == "" {
		return 0, false
	}
	switch p[0] {
	case '?':
		return 1, true
	case '\\':
		if len(p) > 1 {
			return 2, p[1] == c
		}
	case '[':
		if n, ok := globClass(p, c); n > 0 {
			return n, ok
		}
	}
	return 1, p[0] == c
}

// globClass matches [abc], [a-z], [!a] and [^a]; n is 0 if the class is not closed.
func globClass(p string, c byte) (n int, ok bool) {
	i := 1
	negate := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negate {
		i++
	}
	for first := true; i < len(p); first = false {
		if p[i] == ']' && !first {
			return i + 1, ok != negate
		}
		lo, hi := p[i], p[i]
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			hi = p[i+2]
			i += 2
		}
		ok = ok || lo <= c && c <= hi
		i++
	}
	return 0, false
}
