// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"slices"
	"strings"
)

// Closure returns the modules of a tree that names or aliases stand for with everything
// they need, hard and soft dependencies, in load order, each once. Built-ins are left
// out, as there is nothing to load. An unknown name is a *NotFoundError.
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

// closure collects modules as modprobe does: a module may appear again after a soft
// dependency that needs it too, or by another alias.
type closure struct {
	tree  *Tree
	all   bool            // keep built-ins, and names without a file
	first bool            // of several softdep lines for a module only the first counts
	bare  bool            // only the soft dependencies of what is needed, not those of the modules themselves
	seen  map[string]bool // modules whose dependencies were followed, by name and alias
	list  []TreeModule
}

func (c *closure) add(m TreeModule) error {
	key := m.Name + "\\" + m.alias
	if c.seen[key] || !c.all && m.Path == "" {
		return nil
	}
	c.seen[key] = true
	for _, path := range m.loadOrder() {
		dep := TreeModule{Name: CanonicalName(path), Path: path, soft: m.soft}
		if err := c.place(dep); err != nil {
			return err
		}
	}
	if c.bare && !m.soft {
		m.noCommand = true
		c.list = append(c.list, m)
		return nil
	}
	return c.place(m)
}

// place appends m between its soft dependencies. One that does not exist is no error.
func (c *closure) place(m TreeModule) error {
	soft, err := c.tree.softdep(m.Name, c.first)
	if err != nil {
		return err
	}
	pre, err := c.tree.resolveSoft(soft.Pre)
	if err != nil {
		return err
	}
	post, err := c.tree.resolveSoft(soft.Post)
	if err != nil {
		return err
	}
	if err := c.addSoft(pre); err != nil {
		return err
	}
	m.noCommand = len(pre)+len(post) > 0
	c.list = append(c.list, m)
	return c.addSoft(post)
}

func (c *closure) addSoft(mods []TreeModule) error {
	for _, m := range mods {
		m.soft = true
		if err := c.add(m); err != nil {
			return err
		}
	}
	return nil
}

// resolveSoft looks up what a softdep line names, and skips what is not found.
func (t *Tree) resolveSoft(names []string) ([]TreeModule, error) {
	var mods []TreeModule
	for _, name := range names {
		found, err := t.Matches(name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		mods = append(mods, found...)
	}
	return mods, nil
}

// softdep merges the softdep lines for a module, those of the configuration first. With
// first set only the first line counts, as with kmod.
func (t *Tree) softdep(name string, first bool) (Softdep, error) {
	cfg, err := t.Config()
	if err != nil {
		return Softdep{}, err
	}
	data, err := t.table("modules.softdep")
	if err != nil {
		return Softdep{}, err
	}
	lines := append(cfg.softdeps(name), findSoftdeps(data, name)...)
	if first && len(lines) > 1 {
		lines = lines[:1]
	}
	return mergeSoftdeps(lines), nil
}

func mergeSoftdeps(lines []Softdep) Softdep {
	var all Softdep
	for _, d := range lines {
		for _, name := range d.Pre {
			all.Pre = appendNew(all.Pre, name)
		}
		for _, name := range d.Post {
			all.Post = appendNew(all.Post, name)
		}
	}
	return all
}

// Weakdeps returns the modules that a module may use and that no command loads for it
// (kmod 33): those of modules.weakdep and of the configuration.
func (t *Tree) Weakdeps(name string) ([]string, error) {
	name = CanonicalName(name)
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	data, err := t.table("modules.weakdep")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, r := range slices.Concat(cfg.Weakdeps, weakdepRules(data)) {
		if glob(r.Name, name) {
			for _, w := range strings.Fields(r.Text) {
				all = appendNew(all, w)
			}
		}
	}
	return all, nil
}
