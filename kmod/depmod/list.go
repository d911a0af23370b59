// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// listFiles takes the modules of Files, and no others.
func (x *indexer) listFiles() error {
	byName := map[string]string{}
	for _, path := range x.Files {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%s: not an absolute path", path)
		}
		if _, err := os.Stat(path); err != nil {
			return err
		}
		m := &indexed{name: kmod.CanonicalName(path), path: path, rel: path}
		if rest, ok := strings.CutPrefix(filepath.Clean(path), x.dir+"/"); ok {
			m.rel = rest
		}
		if old, ok := byName[m.name]; ok {
			return fmt.Errorf("%s and %s are both module %s: %w", old, path, m.name, kmod.ErrDuplicate)
		}
		byName[m.name] = path
		x.mods = append(x.mods, m)
	}
	return nil
}

// listTree finds the tree's modules and those of external folders. Of several with one name
// it keeps one.
func (x *indexer) listTree() error {
	w := treeWalk{x: x, byName: map[string]*indexed{}}
	if err := w.walk(x.dir, ""); err != nil {
		return err
	}
	for _, dir := range x.config.external {
		if err := w.walk(dir, dir+"/"); err != nil {
			x.problem(true, dir, err, "could not open directory %s: %s", dir, plainError(err))
		}
	}
	return nil
}

// treeWalk searches as depmod does: it follows links to folders, which filepath.WalkDir does
// not, takes files in the order of the folder, and does not enter build or source.
type treeWalk struct {
	x      *indexer
	byName map[string]*indexed
	above  []fs.FileInfo // the folders above the current one
}

func (w *treeWalk) walk(dir, rel string) error {
	entries, again, err := w.enter(dir)
	if err != nil || again {
		return err
	}
	defer func() { w.above = w.above[:len(w.above)-1] }()
	for _, e := range entries {
		name := e.Name()
		path, sub := dir+"/"+name, rel+name
		kind, err := entryType(e, path)
		switch {
		case err != nil:
			if ko.IsModuleName(name) {
				w.x.problem(true, path, err, "%s: %s", path, plainError(err))
			}
		case kind.IsDir():
			if name == "build" || name == "source" || slices.Contains(w.x.config.exclude, name) {
				continue
			}
			if err := w.walk(path, sub+"/"); err != nil {
				w.x.problem(true, path, err, "could not open directory %s: %s", path, plainError(err))
			}
		case !ko.IsModuleName(name):
		case !kind.IsRegular():
			w.x.problem(true, path, nil, "unsupported file type %s: %s", path, ko.FileKind(kind))
		default:
			w.add(path, sub)
		}
	}
	return nil
}

// enter lists a folder; again is true for one that a link leads back to.
func (w *treeWalk) enter(dir string) (entries []fs.DirEntry, again bool, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	here, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	for _, up := range w.above {
		if os.SameFile(up, here) {
			return nil, true, nil
		}
	}
	entries, err = f.ReadDir(-1)
	if err == nil {
		w.above = append(w.above, here)
	}
	return entries, false, err
}

// entryType is the type of an entry, for a link that of its target.
func entryType(e fs.DirEntry, path string) (fs.FileMode, error) {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type(), nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Mode().Type(), nil
}

func (w *treeWalk) add(path, rel string) {
	name := moduleName(rel)
	if old, ok := w.byName[name]; ok {
		if w.x.config.higher(name, rel, old.rel) {
			old.path, old.rel = path, rel
		}
		return
	}
	m := &indexed{name: name, path: path, rel: rel}
	w.byName[name] = m
	w.x.mods = append(w.x.mods, m)
}

// moduleName is CanonicalName for a slash-separated path of a file.
func moduleName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	name, _, _ = strings.Cut(name, ".")
	return strings.ReplaceAll(name, "-", "_")
}

// plainError is the error without the path, which the text around it names; an errno is in
// the C library's words.
func plainError(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	text := err.Error()
	if e, ok := errors.AsType[syscall.Errno](err); ok && e != 0 {
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return text
}

// sortByOrder moves the modules that modules.order names to the front, in its order. A
// module that it names twice counts where it is named first; before kmod 34, last. A file
// whose last line has no newline is truncated, and ignored.
func (x *indexer) sortByOrder() error {
	defer func() {
		for i, m := range x.mods {
			m.index = i
		}
	}()
	path := filepath.Join(x.dir, "modules.order")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		x.problem(false, path, err, "could not open modules.order at %s: %s", x.dir, plainError(err))
		return nil
	}
	if err != nil {
		return err
	}
	n := bytes.Count(data, []byte{'\n'})
	if len(data) > 0 && data[len(data)-1] != '\n' {
		x.problem(true, path, nil, `%s:%d corrupted line misses '\n'`, path, n+1)
		return nil
	}
	byPath := make(map[string]*indexed, len(x.mods))
	for _, m := range x.mods {
		byPath[ko.PlainName(m.rel)] = m
		m.order = n + 1
	}
	at := 0
	for line := range bytes.Lines(data) {
		at++
		if m := byPath[string(line[:len(line)-1])]; m != nil && (m.order > n || x.Kmod < 34) {
			m.order = at
		}
	}
	slices.SortStableFunc(x.mods, func(a, b *indexed) int { return a.order - b.order })
	return nil
}
