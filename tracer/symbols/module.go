// SPDX-License-Identifier: MIT

package symbols

import (
	"bytes"
	"debug/elf"
	"fmt"
	"sort"
	"strings"
)

// Module holds the functions of a .ko, relative to the two places where the kernel puts a module's text: the part that
// stays and the part for init.
type Module struct {
	core, init text
}

// text is one contiguous range of executable sections. Symbol addresses are relative to its base.
type text struct {
	symbols []symbol
	size    uint64
}

// ReadModule reads the functions of a module from the bytes of a plain .ko. It repeats how the kernel lays out
// executable sections (layout_sections in kernel/module/main.c, 5.10 to 7.x): in the file's order, each with its own
// alignment; names that begin with .init go to the init text.
func ReadModule(ko []byte) (*Module, error) {
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, fmt.Errorf("read module's symbols: %w", err)
	}
	m := new(Module)
	offsets := m.layout(f)
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read module's symbols: %w", err)
	}
	for _, s := range symbols {
		offset, ok := offsets[s.Section]
		if !ok || s.Name == "" || elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		t := m.textOf(f.Sections[s.Section].Name)
		t.symbols = append(t.symbols, symbol{addr: offset + s.Value, end: offset + s.Value + s.Size, name: s.Name})
	}
	for _, t := range []*text{&m.core, &m.init} {
		sort.SliceStable(t.symbols, func(i, j int) bool { return before(t.symbols[i], t.symbols[j]) })
	}
	return m, nil
}

// OfModule is ReadModule for a file that may be missing (nil) or damaged: then it returns nil, and the module's places
// have no names.
func OfModule(ko []byte) *Module {
	if len(ko) == 0 {
		return nil
	}
	m, err := ReadModule(ko)
	if err != nil {
		return nil
	}
	return m
}

// layout returns the offset of each executable section in its text.
func (m *Module) layout(f *elf.File) map[elf.SectionIndex]uint64 {
	offsets := make(map[elf.SectionIndex]uint64)
	for i, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		t := m.textOf(s.Name)
		if a := s.Addralign; a > 1 {
			t.size = (t.size + a - 1) / a * a
		}
		offsets[elf.SectionIndex(i)] = t.size
		t.size += s.Size
	}
	return offsets
}

// before sorts by address. Of several names for one address, the last is found: the one that the author chose, not the
// alias that module_init and module_exit create.
func before(a, b symbol) bool {
	if a.addr != b.addr {
		return a.addr < b.addr
	}
	return isAlias(a.name) && !isAlias(b.name)
}

func isAlias(name string) bool { return name == "init_module" || name == "cleanup_module" }

func (m *Module) textOf(section string) *text {
	if strings.HasPrefix(section, ".init") {
		return &m.init
	}
	return &m.core
}

// Functions are the names of its functions that stay; none of a nil Module.
func (m *Module) Functions() []string {
	if m == nil {
		return nil
	}
	return m.core.names()
}

// InitFunctions are those that are freed after init.
func (m *Module) InitFunctions() []string {
	if m == nil {
		return nil
	}
	return m.init.names()
}

func (t *text) names() []string {
	names := make([]string, 0, len(t.symbols))
	for _, s := range t.symbols {
		names = append(names, s.name)
	}
	return names
}
