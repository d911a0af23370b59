// SPDX-License-Identifier: MIT

package ldso

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// rules are those of one dynamic linker.
type rules interface {
	// inherits says that a library is also looked for in the RUNPATH of what loaded the library that needs it, as it
	// is in the RPATH.
	inherits() bool
	// sonames says that a library that is loaded also serves whoever needs its soname.
	sonames() bool
	// own says that a library is a part of the linker itself.
	own(name string) bool
	// expand replaces the likes of $ORIGIN in a folder or a name; ok is false if the linker ignores it.
	expand(s string, o *object) (expanded string, ok bool)
	// cached returns a library's path as the linker's cache has it, or nothing.
	cached(name string) string
	// defaults are the folders to look in at last.
	defaults() []string
}

// rulesOf are those of the dynamic linker of a path.
func (s system) rulesOf(interp string) rules {
	if arch, is := strings.CutPrefix(path.Base(interp), "ld-musl-"); is {
		return s.musl(interp, strings.TrimSuffix(arch, ".so.1"))
	}
	return s.glibc()
}

// glibc has the rules of glibc's linker (ld.so(8)).
type glibc struct {
	cache   map[string]string
	last    []string
	library string // for $LIB
}

// glibc reads the cache of libraries. If there is none, its place take the folders of which ldconfig would make it.
func (s system) glibc() *glibc {
	g := &glibc{last: defaultFolders, library: "lib64"}
	if fi, err := os.Stat(s.on(defaultFolders[0])); err == nil && fi.IsDir() {
		g.library = strings.TrimPrefix(defaultFolders[0], "/")
	}
	data, err := beneath.ReadPath(s.on("/etc/ld.so.cache"), maxCache)
	if err == nil {
		g.cache, err = parseCache(data)
	}
	if err != nil {
		conf := conf{system: s}
		conf.read("/etc/ld.so.conf", 0)
		g.last = slices.Concat(conf.folders, defaultFolders)
	}
	return g
}

func (g *glibc) inherits() bool            { return false }
func (g *glibc) sonames() bool             { return true }
func (g *glibc) own(string) bool           { return false }
func (g *glibc) cached(name string) string { return g.cache[name] }
func (g *glibc) defaults() []string        { return g.last }

func (g *glibc) expand(s string, o *object) (string, bool) {
	return expand(s, func(token string) (value string, known bool) {
		switch token {
		case "ORIGIN":
			return o.origin, true
		case "LIB":
			return g.library, true
		case "PLATFORM":
			return "x86_64", true // as the kernel has it (AT_PLATFORM)
		}
		return "", false
	}), true
}

// musl has the rules of musl's linker (ldso/dynlink.c).
type musl struct{ last []string }

func (s system) musl(interp, arch string) *musl {
	// The prefix of an installation is two names up: none for /lib/ld-musl-x86_64.so.1.
	prefix := strings.TrimSuffix(path.Dir(path.Dir(path.Clean(interp))), "/")
	data, err := beneath.ReadPath(s.on(prefix+"/etc/ld-musl-"+arch+".path"), maxConf)
	if errors.Is(err, fs.ErrNotExist) {
		return &musl{[]string{"/lib", "/usr/local/lib", "/usr/lib"}}
	}
	return &musl{strings.FieldsFunc(string(data), func(c rune) bool { return c == ':' || c == '\n' })}
}

func (m *musl) inherits() bool       { return true }
func (m *musl) sonames() bool        { return false }
func (m *musl) cached(string) string { return "" }
func (m *musl) defaults() []string   { return m.last }

// own: musl's linker is its C library, too, and has all of it.
func (m *musl) own(name string) bool {
	part, _, ok := strings.Cut(strings.TrimPrefix(name, "lib"), ".")
	return ok && strings.HasPrefix(name, "lib") &&
		slices.Contains([]string{"c", "pthread", "rt", "m", "dl", "util", "xnet"}, part)
}

func (m *musl) expand(s string, o *object) (string, bool) {
	ok := s != ""
	s = expand(s, func(token string) (string, bool) {
		ok = ok && token == "ORIGIN"
		return o.origin, true
	})
	return s, ok
}

// maxExpanded is the longest path that the kernel takes.
const maxExpanded = 4096

// expand replaces $NAME and ${NAME} by their values. What value does not know stays. What becomes too long is cut, and
// cannot be opened then.
func expand(s string, value func(token string) (string, bool)) string {
	var b strings.Builder
	for s != "" && b.Len() <= maxExpanded {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			break
		}
		token, rest := cutToken(after)
		if v, known := value(token); known && token != "" {
			b.WriteString(v)
			s = rest
		} else {
			b.WriteByte('$')
			s = after
		}
	}
	return b.String()
}

// cutToken cuts a token's name off, which may have braces. It is empty if there is none.
func cutToken(s string) (token, rest string) {
	if inside, braced := strings.CutPrefix(s, "{"); braced {
		if token, rest, ok := strings.Cut(inside, "}"); ok {
			return token, rest
		}
		return "", s
	}
	end := strings.IndexFunc(s, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// conf collects the folders of /etc/ld.so.conf and of what it includes.
type conf struct {
	system
	folders []string
	files   int
}

// Bounds of /etc/ld.so.conf.
const (
	maxConf      = 1 << 20 // bytes of a file
	maxConfFiles = 256
	maxConfDepth = 8
	maxFolders   = 4096
)

// read reads a file as ldconfig does: a folder a line, or "include" and patterns. What cannot be read is left out.
func (c *conf) read(name string, depth int) {
	if c.files++; c.files > maxConfFiles || depth > maxConfDepth {
		return
	}
	data, err := beneath.ReadPath(c.on(name), maxConf)
	if err != nil {
		return
	}
	for line := range bytes.Lines(data) {
		text, _, _ := strings.Cut(string(line), "#")
		text = strings.TrimSpace(text)
		keyword, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
		switch {
		case keyword == "include":
			for pattern := range strings.FieldsSeq(rest) {
				c.include(name, pattern, depth)
			}
		case strings.EqualFold(keyword, "hwcap"):
		case strings.HasPrefix(text, "/") && len(c.folders) < maxFolders:
			folder, _, _ := strings.Cut(text, "=") // the rest is a kind of library
			c.folders = append(c.folders, strings.TrimSpace(folder))
		}
	}
}

func (c *conf) include(from, pattern string, depth int) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(from), pattern)
	}
	names, _ := filepath.Glob(c.on(pattern)) // the only error is that of a wrong pattern, which matches nothing
	for _, name := range names {
		c.read(strings.TrimPrefix(name, c.root), depth+1)
	}
}
