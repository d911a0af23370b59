// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Tree is the module tree of one kernel release: Root/lib/modules/Release.
// The zero Root means "/". Methods may be called from several goroutines.
type Tree struct {
	Root    string
	Release string // as uname -r prints it

	mu     sync.Mutex
	tables map[string][]byte // index files by name, as read
	config *Config
}

// TreeModule is a module that a tree's index knows.
type TreeModule struct {
	Name    string // underscore form
	Path    string // absolute, below Root; empty for a built-in
	Builtin bool

	deps []string // paths in the order of modules.dep: all of them, users before what they need
	soft bool     // found through a soft dependency
}

func (t *Tree) root() string {
	if t.Root == "" {
		return "/"
	}
	return t.Root
}

// Dir is the folder that holds the tree's modules and index.
func (t *Tree) Dir() string { return filepath.Join(t.root(), "lib/modules", t.Release) }

// table returns an index file's bytes, read once. A file that does not exist is
// empty, but for modules.dep, without which nothing can be looked up.
func (t *Tree) table(name string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if data, ok := t.tables[name]; ok {
		return data, nil
	}
	data, err := os.ReadFile(filepath.Join(t.Dir(), name))
	if errors.Is(err, fs.ErrNotExist) {
		if name == "modules.dep" {
			return nil, t.noIndex()
		}
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	if t.tables == nil {
		t.tables = map[string][]byte{}
	}
	t.tables[name] = data
	return data, nil
}

func (t *Tree) noIndex() error {
	if _, err := os.Stat(t.Dir()); err != nil {
		return fmt.Errorf("read module index: %w: %w", ErrNoIndex, err)
	}
	return fmt.Errorf("read module index: %s has no modules.dep; run depmod -b %s %s: %w",
		t.Dir(), t.root(), t.Release, ErrNoIndex)
}

// module looks a name up in modules.dep. The name is in underscore form.
func (t *Tree) module(name string) (TreeModule, bool, error) {
	dep, err := t.table("modules.dep")
	if err != nil {
		return TreeModule{}, false, err
	}
	line, ok := findDep(dep, name)
	if !ok {
		return TreeModule{}, false, nil
	}
	return t.fromLine(line), true, nil
}

func (t *Tree) fromLine(l depLine) TreeModule {
	m := TreeModule{Name: CanonicalName(l.path), Path: t.abs(l.path)}
	for _, d := range l.deps {
		m.deps = append(m.deps, t.abs(d))
	}
	return m
}

func (t *Tree) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(t.Dir(), path)
}

// Resolve finds the modules that a name stands for: a module's name (- and _
// are equal), an alias such as a device's modalias, or symbol:NAME. Aliases may
// stand for several modules. A built-in module is found with Builtin set and no
// path. The error is a NotFoundError where nothing matches.
func (t *Tree) Resolve(name string) ([]TreeModule, error) {
	found, err := t.Matches(name)
	return unique(found), err
}

// Matches is Resolve with a module once for every pattern that matched, which
// is what modprobe prints.
func (t *Tree) Matches(name string) ([]TreeModule, error) {
	want := normalizeAlias(name)
	if found, err := t.configAlias(want); len(found) > 0 || err != nil {
		return found, err
	}
	m, ok, err := t.module(want)
	if err != nil {
		return nil, err
	}
	if ok {
		return []TreeModule{m}, nil
	}
	for _, find := range []func(string) ([]string, error){t.symbolOwners, t.aliasTargets} {
		names, err := find(want)
		if err != nil {
			return nil, err
		}
		if found, err := t.modules(names); len(found) > 0 || err != nil {
			return found, err
		}
	}
	builtin, err := t.builtin(want)
	if err != nil {
		return nil, err
	}
	if builtin != "" {
		return []TreeModule{{Name: builtin, Builtin: true}}, nil
	}
	return nil, &NotFoundError{Name: name, Dir: t.Dir()}
}

// modules looks names up that an index mentions; a name that is neither in
// modules.dep nor built in is passed over, as a module may have been removed since.
func (t *Tree) modules(names []string) ([]TreeModule, error) {
	var found []TreeModule
	for _, name := range names {
		m, ok, err := t.module(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			builtin, err := t.builtin(name)
			if err != nil {
				return nil, err
			}
			m, ok = TreeModule{Name: builtin, Builtin: true}, builtin != ""
		}
		if ok {
			found = append(found, m)
		}
	}
	return found, nil
}

func (t *Tree) symbolOwners(name string) ([]string, error) {
	if len(name) < 7 || name[:7] != "symbol:" {
		return nil, nil
	}
	data, err := t.table("modules.symbols")
	return matchAliases(data, name), err
}

func (t *Tree) aliasTargets(name string) ([]string, error) {
	data, err := t.table("modules.alias")
	return matchAliases(data, name), err
}

// builtin returns the name of the built-in module that name stands for.
func (t *Tree) builtin(name string) (string, error) {
	data, err := t.table("modules.builtin")
	if err != nil {
		return "", err
	}
	if hasBuiltin(data, name) {
		return name, nil
	}
	data, err = t.table("modules.builtin.modinfo")
	if err != nil {
		return "", err
	}
	return matchBuiltinAlias(data, name), nil
}

// BuiltinInfo returns what a built-in module says about itself, from
// modules.builtin.modinfo.
func (t *Tree) BuiltinInfo(name string) (Info, error) {
	data, err := t.table("modules.builtin.modinfo")
	if err != nil {
		return nil, err
	}
	var info Info
	for _, f := range parseModinfo(data) {
		mod, key, ok := strings.Cut(f.Key, ".")
		if ok && strings.ReplaceAll(mod, "-", "_") == name {
			info = append(info, Field{key, f.Value})
		}
	}
	return info, nil
}

// ResolveName returns the path of the module that a name stands for; with an
// alias for several, of the first. A built-in gives ErrBuiltin.
func (t *Tree) ResolveName(name string) (string, error) {
	found, err := t.Resolve(name)
	if err != nil {
		return "", err
	}
	if found[0].Builtin {
		return "", fmt.Errorf("resolve %s: %w", name, ErrBuiltin)
	}
	return found[0].Path, nil
}

// Dependencies returns the paths of the modules that the module at path needs,
// in load order, itself left out. path is as ResolveName returns it.
func (t *Tree) Dependencies(path string) ([]string, error) {
	m, ok, err := t.module(CanonicalName(path))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &NotFoundError{Name: path, Dir: t.Dir()}
	}
	return m.loadOrder(), nil
}

// loadOrder turns modules.dep's order, users first, into the order of loading.
func (m TreeModule) loadOrder() []string {
	paths := make([]string, 0, len(m.deps))
	for i := len(m.deps) - 1; i >= 0; i-- {
		paths = append(paths, m.deps[i])
	}
	return paths
}

// Closure returns the tree's modules that names stand for with all that they
// need, hard and soft dependencies, in load order, each once. Built-ins are left out: nothing is
// to be loaded for them.
func Closure(t *Tree, names []string) ([]TreeModule, error) {
	c := closure{tree: t, seen: map[string]bool{}}
	for _, name := range names {
		found, err := t.Resolve(name)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if err := c.add(m); err != nil {
				return nil, err
			}
		}
	}
	return unique(c.list), nil
}

// unique keeps the first of each name.
func unique(mods []TreeModule) []TreeModule {
	seen := map[string]bool{}
	return slices.DeleteFunc(mods, func(m TreeModule) bool {
		again := seen[m.Name]
		seen[m.Name] = true
		return again
	})
}

// closure collects modules as modprobe does: a module may come up again behind
// a soft dependency that needs it, too.
type closure struct {
	tree     *Tree
	builtins bool            // keep them in the list
	seen     map[string]bool // modules whose dependencies were followed
	list     []TreeModule
}

func (c *closure) add(m TreeModule) error {
	if c.seen[m.Name] || m.Builtin && !c.builtins {
		return nil
	}
	c.seen[m.Name] = true
	for _, path := range m.loadOrder() {
		dep := TreeModule{Name: CanonicalName(path), Path: path, soft: m.soft}
		if err := c.place(dep); err != nil {
			return err
		}
	}
	return c.place(m)
}

// place appends m between its soft dependencies. Soft dependencies that do not
// exist are no error.
func (c *closure) place(m TreeModule) error {
	soft, err := c.tree.softdep(m.Name)
	if err != nil {
		return err
	}
	if err := c.addSoft(soft.Pre); err != nil {
		return err
	}
	c.list = append(c.list, m)
	return c.addSoft(soft.Post)
}

func (c *closure) addSoft(names []string) error {
	for _, name := range names {
		found, err := c.tree.Resolve(name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range found {
			m.soft = true
			if err := c.add(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// softdep merges every softdep line for a module, those of the configuration
// first.
func (t *Tree) softdep(name string) (Softdep, error) {
	cfg, err := t.Config()
	if err != nil {
		return Softdep{}, err
	}
	data, err := t.table("modules.softdep")
	if err != nil {
		return Softdep{}, err
	}
	d := cfg.Softdeps[name]
	for _, more := range findSoftdeps(data, name) {
		d.Pre = append(d.Pre[:len(d.Pre):len(d.Pre)], more.Pre...)
		d.Post = append(d.Post[:len(d.Post):len(d.Post)], more.Post...)
	}
	return d, nil
}

// Vermagic is the vermagic of the tree's kernel, as the modules of the tree have it.
func (t *Tree) Vermagic() (string, error) {
	m, err := t.sample()
	if err != nil {
		return "", err
	}
	return m.Vermagic(), nil
}

// sample reads one module that came with the kernel, below kernel/ where there
// is such a folder: others may have been built for another release.
func (t *Tree) sample() (*Module, error) {
	dep, err := t.table("modules.dep")
	if err != nil {
		return nil, err
	}
	for _, ours := range []bool{true, false} {
		for l := range depLines(dep) {
			if strings.HasPrefix(l.path, "kernel/") != ours {
				continue
			}
			if m, err := OpenModule(t.abs(l.path)); err == nil && m.Vermagic() != "" {
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("read kernel's vermagic: no module of %s can be read: %w", t.Dir(), ErrNotFound)
}
