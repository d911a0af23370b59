// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

// DefaultConfig returns the folders where depmod looks for its configuration. Of files with
// the same name the one in the first folder counts.
func DefaultConfig() []string {
	return []string{"/etc/depmod.d", "/run/depmod.d", "/usr/local/lib/depmod.d", "/usr/lib/depmod.d", "/lib/depmod.d"}
}

// config is what depmod.d says for one release.
type config struct {
	search    []string // folders below the tree, builtIn and external; the highest priority first
	overrides []override
	external  []string // folders outside of the tree
	exclude   []string // names of folders not to search
}

const (
	builtIn  = "built-in"
	external = "external"
)

// override gives the module of that name in that folder precedence.
type override struct{ name, folder string }

// readConfig reads the files and folders of Config, sorted by file name. What does not
// exist is skipped.
func (x *indexer) readConfig() (config, error) {
	var paths []string
	seen := map[string]bool{}
	for _, path := range x.Config {
		found, err := depmodFiles(path)
		if err != nil {
			return config{}, fmt.Errorf("read configuration: %w", err)
		}
		for _, f := range found {
			if base := filepath.Base(f); !seen[base] {
				seen[base] = true
				paths = append(paths, f)
			}
		}
	}
	slices.SortStableFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	var c config
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return c, fmt.Errorf("read configuration: %w", err)
		}
		for _, bad := range c.parse(data, x.Release) {
			x.problem(true, path, nil, "%s:%d: ignoring bad line starting with '%s'", path, bad.line, bad.word)
		}
	}
	if c.search == nil {
		c.search = []string{"updates", builtIn}
	}
	return c, nil
}

func depmodFiles(path string) ([]string, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || !st.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".conf") && name[0] != '.' && !e.IsDir() {
			files = append(files, filepath.Join(path, name))
		}
	}
	return files, nil
}

type badLine struct {
	line int
	word string
}

// parse reads one file. Of several override lines for a module the last one counts.
func (c *config) parse(data []byte, release string) (bad []badLine) {
	n := 0
	for len(data) > 0 {
		var line string
		line, data = configLine(data, &n)
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if !c.command(words[0], words[1:], release) {
			bad = append(bad, badLine{n, words[0]})
		}
	}
	return bad
}

// configLine splits off a line with those that continue it, and counts them.
func configLine(data []byte, n *int) (line string, rest []byte) {
	for len(data) > 0 {
		var part []byte
		part, data, _ = bytes.Cut(data, []byte{'\n'})
		*n++
		more := bytes.HasSuffix(part, []byte{'\\'})
		line += string(bytes.TrimSuffix(part, []byte{'\\'}))
		if !more {
			break
		}
	}
	return line, data
}

func (c *config) command(name string, args []string, release string) bool {
	switch name {
	case "search":
		for _, dir := range args {
			if !slices.Contains(c.search, dir) {
				c.search = append(c.search, dir)
			}
		}
	case "override":
		if len(args) < 3 {
			return false
		}
		if releaseMatches(args[1], release) {
			c.overrides = slices.Insert(c.overrides, 0, override{kmod.CanonicalName(args[0]), args[2]})
		}
	case external:
		if len(args) < 2 {
			return false
		}
		if releaseMatches(args[0], release) {
			c.external = append(c.external, args[1]) // depmod ignores the others
		}
	case "exclude":
		c.exclude = append(c.exclude, args...)
	case "make_map_files": // of module-init-tools
	default:
		return false
	}
	return true
}

// releaseMatches takes * or a POSIX regular expression, which may match anywhere.
func releaseMatches(pattern, release string) bool {
	if pattern == "*" {
		return true
	}
	re, err := regexp.CompilePOSIX(pattern)
	return err == nil && re.MatchString(release)
}

// higher reports whether, of two modules with one name, the one at rel takes precedence
// over the one at old. Both are paths as in the index.
func (c *config) higher(name, rel, old string) bool {
	dir, oldDir := filepath.Dir(rel), filepath.Dir(old)
	for _, o := range c.overrides {
		if o.name != name {
			continue
		}
		switch o.folder {
		case dir:
			return true
		case oldDir:
			return false
		}
	}
	return c.before(rel, old)
}

// before reports whether the search list puts rel before old. It follows depmod exactly: a
// folder of the list that has both counts only for rel, so of two files in one such folder
// the one found last wins, and elsewhere the one found first.
func (c *config) before(rel, old string) bool {
	at := func(path string) int { // for a path in no folder of the list
		kind := builtIn
		if filepath.IsAbs(path) {
			kind = external
		}
		if i := slices.Index(c.search, kind); i >= 0 {
			return i
		}
		return len(c.search)
	}
	place, oldPlace := at(rel), at(old)
	found, oldFound := false, false
	for i, dir := range c.search {
		if below(rel, dir) {
			if !found {
				place, found = i, true
			}
		} else if below(old, dir) && !oldFound {
			oldPlace, oldFound = i, true
		}
	}
	return place < oldPlace
}

// below reports whether rel lies in dir or one of its folders.
func below(rel, dir string) bool {
	rest, ok := strings.CutPrefix(rel, dir)
	return ok && dir != "" && rest != "" && rest[0] == '/'
}
