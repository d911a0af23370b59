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

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// Tree is the module tree of one kernel release: Root/lib/modules/Release. Its methods
// may be called from several goroutines; the fields must not change after the first
// call. Each index file is read once, when it is first needed, and stays open as long
// as the tree is in use: after the index changed, use a new Tree.
//
// A nil Tree and one without a Release know no module: their methods return an error
// that is ErrNoIndex.
type Tree struct {
	Root    string // "" is /
	Release string // as uname -r prints it; must be set
	// ConfigPaths are the folders and files of configuration, in order of
	// precedence; nil is the modprobe.d folders below Root, and empty is none.
	ConfigPaths []string
	// KernelCmdline is a kernel's command line, whose module.parameter=value and
	// modprobe.blacklist= count as configuration. Running sets it.
	KernelCmdline string

	mu     sync.Mutex
	tables map[string][]byte // index files by name, as read
	tries  map[string]*Trie  // binary index files by name; nil if there is none
	config *Config
	// symvers is nil until it was read; its contents never change.
	symvers map[string]Exported
}

// TreeModule is a module that a tree's index knows.
type TreeModule struct {
	Name    string // underscore form
	Path    string // absolute, below Root; empty for a built-in
	Builtin bool

	deps  []string // paths in the order of modules.dep: direct and indirect, users before what they need
	soft  bool     // found through a soft dependency
	alias string   // by which it was found; empty for its own name
	// noCommand: an install rule is ignored because of soft dependencies, as with kmod.
	noCommand bool
}

// known distinguishes a module from a name that an alias leads to and that nothing has.
func (m TreeModule) known() bool { return m.Path != "" || m.Builtin }

var (
	errNoTree   = fmt.Errorf("the tree is nil: %w", ErrNoIndex)
	errNoModule = errors.New("the module is nil")
)

// usable says why nothing can be read from the tree's folder.
func (t *Tree) usable() error {
	if t == nil {
		return errNoTree
	}
	if err := ko.CheckRelease(t.Release); err != nil {
		return fmt.Errorf("%w: %w", ErrNoIndex, err)
	}
	return nil
}

func (t *Tree) root() string {
	if t.Root == "" {
		return "/"
	}
	return t.Root
}

// Dir is the folder that holds the tree's modules and index; "" for a nil Tree.
func (t *Tree) Dir() string {
	if t == nil {
		return ""
	}
	return filepath.Join(t.root(), "lib/modules", t.Release)
}

// table returns an index file's bytes, read once. A file that does not exist is
// empty, except for modules.dep, without which nothing can be looked up.
func (t *Tree) table(name string) ([]byte, error) {
	if err := t.usable(); err != nil {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if data, ok := t.tables[name]; ok {
		return data, nil
	}
	data, err := slurp(filepath.Join(t.Dir(), name))
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
	line, ok, err := t.depLine(name)
	if !ok || err != nil {
		return TreeModule{}, false, err
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

// Resolve finds the modules that a name stands for: a module's name (- and _ are
// equal), an alias such as a device's modalias, or symbol:NAME. An alias may stand for
// several modules. A built-in module has Builtin set and no path. The error is a
// *NotFoundError if nothing matches, or only names without a file.
func (t *Tree) Resolve(name string) ([]TreeModule, error) {
	found, err := t.Matches(name)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(unique(found), func(m TreeModule) bool { return !m.known() })
	if len(found) == 0 {
		return nil, &NotFoundError{Name: name, Dir: t.Dir()}
	}
	return found, nil
}

// Matches is Resolve with each module once for every pattern that matched, which is
// what modprobe prints, and with names that have no file: of an alias that leads
// nowhere ("alias x off"), and of modules for which there is only a rule.
func (t *Tree) Matches(name string) ([]TreeModule, error) {
	want := normalizeAlias(name)
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	if found, err := t.configAlias(cfg, want); len(found) > 0 || err != nil {
		return found, err
	}
	m, ok, err := t.module(want)
	if err != nil {
		return nil, err
	}
	if ok {
		return []TreeModule{m}, nil
	}
	if names, err := t.symbolOwners(want); len(names) > 0 || err != nil {
		return t.named(names, want, err)
	}
	for _, r := range slices.Concat(cfg.Install, cfg.Remove) {
		if r.Name == want {
			return []TreeModule{{Name: want}}, nil
		}
	}
	if names, err := t.aliasTargets(want); len(names) > 0 || err != nil {
		return t.named(names, want, err)
	}
	builtin, err := t.builtin(want)
	if err != nil {
		return nil, err
	}
	if builtin != "" {
		m := TreeModule{Name: builtin, Builtin: true}
		if builtin != want {
			m.alias = want
		}
		return []TreeModule{m}, nil
	}
	return nil, &NotFoundError{Name: name, Dir: t.Dir()}
}

// configAlias resolves a name by the configuration's aliases, to names that may have no
// file.
func (t *Tree) configAlias(cfg *Config, name string) ([]TreeModule, error) {
	var names []string
	for _, a := range cfg.Aliases {
		if matchAlias(a.Pattern, name) {
			names = append(names, a.Module)
		}
	}
	return t.named(names, name, nil)
}

// named looks up the names that alias leads to. One that is neither in modules.dep nor
// built in is kept without a file.
func (t *Tree) named(names []string, alias string, err error) ([]TreeModule, error) {
	if err != nil {
		return nil, err
	}
	var found []TreeModule
	for _, name := range names {
		m, ok, err := t.module(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			builtin, err := t.builtinName(name)
			if err != nil {
				return nil, err
			}
			m = TreeModule{Name: name, Builtin: builtin}
		}
		m.alias = alias
		found = append(found, m)
	}
	return found, nil
}

// BuiltinInfo returns what a built-in module says about itself, from
// modules.builtin.modinfo (Linux 5.2); empty if that has nothing of it. The name is in
// underscore form.
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

// ResolveName returns the path of the module that a name or alias stands for; if an
// alias stands for several, that of the first. The error for a built-in is ErrBuiltin,
// for an unknown name a *NotFoundError.
func (t *Tree) ResolveName(name string) (string, error) {
	found, err := t.Resolve(name)
	if err != nil {
		return "", err
	}
	if found[0].Builtin { // Resolve returns one at least
		return "", fmt.Errorf("resolve %s: %w", name, ErrBuiltin)
	}
	return found[0].Path, nil
}

// Dependencies returns the paths of the modules that a module needs, direct and
// indirect, in load order and without the module itself. It takes a module's name or
// path, not an alias. Soft dependencies are not included; Closure has them.
func (t *Tree) Dependencies(name string) ([]string, error) {
	m, ok, err := t.module(CanonicalName(name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &NotFoundError{Name: name, Dir: t.Dir()}
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

// Vermagic is the vermagic of the tree's kernel, as a module of the tree has it.
func (t *Tree) Vermagic() (string, error) {
	m, err := t.sample()
	if err != nil {
		return "", err
	}
	return m.Vermagic(), nil
}

// sample reads one module that came with the kernel, from kernel/ if there is such a
// folder: others may have been built for another release.
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
