// SPDX-License-Identifier: MIT

package symbols

import (
	"fmt"
	"maps"
	"slices"
	"sort"
)

// used are the indices of a kernel's symbols that answers came from.
type used struct {
	symbols, loaded map[int]bool
}

// Remember makes the table keep track of which of the kernel's symbols its answers come from, for Used.
func (t *Table) Remember() {
	t.used = &used{symbols: make(map[int]bool), loaded: make(map[int]bool)}
}

// note records what answers for an address: the last symbol at or below it, even if it says that there is no function.
func (u *used) note(k *Kernel, look uint64) {
	if i := sort.Search(len(k.loaded), func(i int) bool { return k.loaded[i].addr > look }); i > 0 {
		u.loaded[i-1] = true
	}
	if i := sort.Search(len(k.symbols), func(i int) bool { return k.symbols[i].addr > look }); i > 0 {
		u.symbols[i-1] = true
	}
}

// Used prints, in the form of /proc/kallsyms, the part of the kernel's symbols that gives the same answers for all
// addresses asked for since Remember. ReadRunning reads it. It is empty if there is no kernel.
func (t *Table) Used() []byte {
	if t.kernel == nil || t.used == nil {
		return nil
	}
	k := t.kernel
	var b []byte
	if k.etext != 0 {
		b = fmt.Appendf(b, "%016x A _etext\n", k.etext)
	}
	// A list without a function is refused; the first function lies below everything that was asked for.
	if len(t.used.symbols) == 0 {
		b = fmt.Appendf(b, "%016x t %s\n", k.symbols[0].addr, k.symbols[0].name)
	}
	for _, i := range slices.Sorted(maps.Keys(t.used.symbols)) {
		b = fmt.Appendf(b, "%016x t %s\n", k.symbols[i].addr, k.symbols[i].name)
	}
	for _, i := range slices.Sorted(maps.Keys(t.used.loaded)) {
		s := k.loaded[i]
		if s.name == "" { // data
			b = fmt.Appendf(b, "%016x d -\t[%s]\n", s.addr, s.module)
			continue
		}
		b = fmt.Appendf(b, "%016x t %s\t[%s]\n", s.addr, s.name, s.module)
	}
	return b
}
