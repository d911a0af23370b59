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
// modules.symbols, sorted by pattern as in kmod's binary index. Patterns of
// modules.alias are in underscore form; a symbol may have a - in its name since
// symbols are exported to modules by name (symbol:module:kvm-amd).
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
			pattern := string(rest[:i])
			if name == "modules.alias" {
				pattern = normalizeAlias(pattern)
			}
			all = append(all, Alias{pattern, strings.ReplaceAll(string(rest[i+1:]), "-", "_")})
		}
	}
	slices.SortStableFunc(all, func(a, b Alias) int { return cmp.Compare(a.Pattern, b.Pattern) })
	return all, nil
}
