// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"io/fs"
)

// Lookups read the binary index files, as kmod's modprobe does: a few nodes instead of
// two megabytes of text. If a binary file is missing or is something else, the text
// file beside it is searched.

// trie returns a binary index file of the tree, nil if there is none. It stays open as
// long as the tree is in use.
func (t *Tree) trie(name string) (*Trie, error) {
	if err := t.usable(); err != nil {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if x, ok := t.tries[name]; ok {
		return x, nil
	}
	x, err := t.OpenIndex(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrInvalidIndex) {
		x, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if t.tries == nil {
		t.tries = map[string]*Trie{}
	}
	t.tries[name] = x
	return x, nil
}

// matches returns the values of the keys that name matches in a binary file; ok is
// false if there is no such file.
func (t *Tree) matches(file, name string) (names []string, ok bool, err error) {
	x, err := t.trie(file)
	if x == nil {
		return nil, false, err
	}
	values, err := x.Match(name)
	for _, v := range values {
		names = append(names, v.Value)
	}
	return names, true, err
}

// depLine is a module's line of modules.dep.
func (t *Tree) depLine(name string) (l depLine, ok bool, err error) {
	x, err := t.trie("modules.dep.bin")
	if err != nil {
		return depLine{}, false, err
	}
	if x == nil {
		dep, err := t.table("modules.dep")
		if err != nil {
			return depLine{}, false, err
		}
		l, ok = findDep(dep, name)
		return l, ok, nil
	}
	values, err := x.Lookup(name)
	if len(values) == 0 || err != nil {
		return depLine{}, false, err
	}
	l, ok = parseDep([]byte(values[0].Value))
	return l, ok, nil
}

func (t *Tree) symbolOwners(name string) ([]string, error) {
	if len(name) < 7 || name[:7] != "symbol:" {
		return nil, nil
	}
	if names, ok, err := t.matches("modules.symbols.bin", name); ok || err != nil {
		return names, err
	}
	data, err := t.table("modules.symbols")
	return matchAliases(data, name), err
}

func (t *Tree) aliasTargets(name string) ([]string, error) {
	if names, ok, err := t.matches("modules.alias.bin", name); ok || err != nil {
		return names, err
	}
	data, err := t.table("modules.alias")
	return matchAliases(data, name), err
}

// builtinName reports whether a module of that name is part of the kernel image.
func (t *Tree) builtinName(name string) (bool, error) {
	x, err := t.trie("modules.builtin.bin")
	if err != nil {
		return false, err
	}
	if x == nil {
		data, err := t.table("modules.builtin")
		return hasBuiltin(data, name), err
	}
	values, err := x.Lookup(name)
	return len(values) > 0, err
}

// builtin returns the name of the built-in module that name stands for.
func (t *Tree) builtin(name string) (string, error) {
	if ok, err := t.builtinName(name); ok || err != nil {
		return name, err
	}
	names, ok, err := t.matches("modules.builtin.alias.bin", name)
	if err != nil {
		return "", err
	}
	if !ok {
		data, err := t.table("modules.builtin.modinfo")
		return matchBuiltinAlias(data, name), err
	}
	if len(names) == 0 {
		return "", nil
	}
	return names[0], nil
}
