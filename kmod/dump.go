// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// IndexEntries returns the aliases of an index file, modules.alias or
// modules.symbols, sorted by pattern as kmod's binary index has them. Patterns
// are in underscore form.
func (t *Tree) IndexEntries(name string) ([]Alias, error) {
	if name != "modules.alias" && name != "modules.symbols" {
		return nil, fmt.Errorf("read module index: %s holds no aliases: %w", name, ErrNotFound)
	}
	data, err := t.table(name)
	if err != nil {
		return nil, err
	}
	var all []Alias
	for line := range lines(data) {
		rest, ok := bytes.CutPrefix(line, []byte("alias "))
		if !ok {
			continue
		}
		if i := bytes.LastIndexByte(rest, ' '); i > 0 {
			all = append(all, Alias{normalizeAlias(string(rest[:i])), strings.ReplaceAll(string(rest[i+1:]), "-", "_")})
		}
	}
	slices.SortStableFunc(all, func(a, b Alias) int { return cmp.Compare(a.Pattern, b.Pattern) })
	return all, nil
}
