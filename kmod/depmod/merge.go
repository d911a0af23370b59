// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/kmod/internal/trie"
)

// Merge returns the files of the index of a tree that has the modules of two trees, by name. base and added are the
// folders of the two, each with its index; nothing is written. Of a module that both have, that of added counts.
//
// Index would read every module again, of which a kernel has thousands. Merge reads only the text files of the indexes,
// so it takes some hundredths of a second. What depends on the order in modules.order, which of two modules an alias
// prefers, is as if the modules of added came last.
func Merge(base, added string) (map[string][]byte, error) {
	m := merger{place: make(map[string]int)}
	for _, dir := range []string{added, base} { // added first, for its modules replace those of base
		if err := m.readDep(dir); err != nil {
			return nil, fmt.Errorf("merge module indexes: %w", err)
		}
	}
	m.orderBaseFirst()
	files := make(map[string][]byte)
	m.dep(files)
	for _, t := range merged {
		text, err := m.lines(t, base, added)
		if err != nil {
			return nil, fmt.Errorf("merge module indexes: %w", err)
		}
		files[t.name] = text
		if t.bin {
			files[t.name+".bin"] = m.aliases(text).Encode(true)
		}
	}
	return files, nil
}

// mergedTable is a file whose lines each belong to a module.
type mergedTable struct {
	name string
	last bool // the module is the last word of a line; else it is the one at position
	at   int
	bin  bool
}

var merged = []mergedTable{
	{name: "modules.alias", last: true, bin: true},
	{name: "modules.symbols", last: true, bin: true},
	{name: "modules.softdep", at: 1},
	{name: "modules.weakdep", at: 1},
	{name: "modules.devname"},
}

// of returns the module that a line is about.
func (t mergedTable) of(line string) string {
	words := strings.Fields(line)
	switch {
	case t.last && len(words) > 0:
		return words[len(words)-1]
	case t.at < len(words):
		return words[t.at]
	}
	return ""
}

type merger struct {
	deps  []mergedDep
	place map[string]int // of a module in deps, by its name
	added int            // how many of deps are of added
}

type mergedDep struct{ name, line string }

// readDep reads modules.dep, without modules that are known already.
func (m *merger) readDep(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return err
	}
	known := len(m.place)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		file, _, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(path.Base(file), ".ko")
		name = strings.ReplaceAll(name, "-", "_")
		if at, is := m.place[name]; is && at < known {
			continue
		}
		m.place[name] = len(m.deps)
		m.deps = append(m.deps, mergedDep{name, line})
	}
	if m.added == 0 {
		m.added = len(m.deps)
	}
	return nil
}

// orderBaseFirst puts the modules of base before those of added.
func (m *merger) orderBaseFirst() {
	m.deps = append(m.deps[m.added:len(m.deps):len(m.deps)], m.deps[:m.added]...)
	for i, d := range m.deps {
		m.place[d.name] = i
	}
}

// ofAdded reports whether a module is of added.
func (m *merger) ofAdded(name string) bool {
	at, is := m.place[name]
	return is && at >= len(m.deps)-m.added
}

func (m *merger) dep(files map[string][]byte) {
	var text bytes.Buffer
	bin := &trie.Writer{}
	for i, d := range m.deps {
		text.WriteString(d.line)
		text.WriteByte('\n')
		bin.Add(d.name, d.line, i)
	}
	files["modules.dep"], files["modules.dep.bin"] = text.Bytes(), bin.Encode(true)
}

// lines are those of base about its own modules, and those of added. A file that one tree does not have is empty there.
func (m *merger) lines(t mergedTable, base, added string) ([]byte, error) {
	var out bytes.Buffer
	for _, dir := range []string{base, added} {
		text, err := os.ReadFile(filepath.Join(dir, t.name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			comment := strings.HasPrefix(line, "#")
			if comment && out.Len() > 0 || !comment && m.ofAdded(t.of(line)) != (dir == added) {
				continue
			}
			out.WriteString(line)
		}
	}
	return out.Bytes(), nil
}

// aliases makes the binary form of a file of aliases.
func (m *merger) aliases(text []byte) *trie.Writer {
	bin := &trie.Writer{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "alias" {
			continue
		}
		module := words[len(words)-1]
		pattern := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "alias "), " "+module)
		key, ok := trieKey(pattern)
		at, known := m.place[module]
		if ok && known {
			bin.Add(key, module, at)
		}
	}
	return bin
}
