// SPDX-License-Identifier: MIT

// Package srcline finds the source line of a place in a kernel module, or in a program, from the debug information
// (DWARF) in its file. It is pure: bytes to positions. It does not trust the file: any bytes yield an answer or an
// error.
package srcline

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrNoDebugInfo means that the module was built without -g, or stripped.
var ErrNoDebugInfo = errors.New("no debug information (DWARF): build it with KCFLAGS=-g and do not strip it")

// ErrUnknownPlace means that the module has no such function, or no line for the place.
var ErrUnknownPlace = errors.New("no source line for this place")

// Position is a place in the sources.
type Position struct {
	Function string // as the author wrote it
	File     string // as the compiler recorded it, mostly absolute
	Line     int    // 0 if the compiler gave none
	// Inlined says that the compiler inlined Function into that of the next Position.
	Inlined bool
}

// Module is a module's debug information. Several goroutines may use it.
type Module struct {
	data      *dwarf.Data
	functions map[string][]function
	text      []textSection
	units     []dwarf.Offset // of each unit's first entry
}

// function is one symbol, at the address that place gave its section.
type function struct{ addr, size uint64 }

// Open reads the bytes of a plain .ko.
func Open(ko []byte) (m *Module, err error) {
	defer guard("read debug information", &err)
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.Type != elf.ET_REL {
		return nil, fmt.Errorf("read debug information: %v %v is not a 64-bit module", f.Class, f.Type)
	}
	if err := bounded(f); err != nil {
		return nil, err
	}
	info := f.Section(".debug_info")
	if info == nil || info.Size == 0 {
		return nil, ErrNoDebugInfo
	}
	entries, err := info.Data()
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	placed, bases, err := placeSections(f, ko)
	if err != nil {
		return nil, err
	}
	text, err := readText(f, bases)
	if err != nil {
		return nil, err
	}
	if f, err = elf.NewFile(bytes.NewReader(placed)); err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	m = &Module{functions: make(map[string][]function), text: text, units: units(entries, f.ByteOrder)}
	if m.data, err = f.DWARF(); err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Section != elf.SHN_UNDEF && s.Section < elf.SHN_LORESERVE {
			m.functions[s.Name] = append(m.functions[s.Name], function{s.Value, s.Size})
		}
	}
	return m, nil
}

// guard turns a panic of the standard library's readers into an error: they are not hardened against hostile files.
func guard(what string, err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%s: the file is damaged: %v", what, v)
	}
}

// Sections lie this far apart, and the first one this far from 0, so that no place in one can be mistaken for a place
// in another.
const gap = 1 << 20

const (
	symbolSize  = 24 // Elf64_Sym
	symbolShndx = 6  // offsets in it
	symbolValue = 8
)

// placeSections gives each executable section an address of its own. In a module that is not loaded all of them begin
// at 0, and so do their lines. The symbols carry the addresses, so the relocations bring them everywhere else. The
// second result maps sections to addresses.
func placeSections(f *elf.File, ko []byte) ([]byte, map[uint16]uint64, error) {
	bases := make(map[uint16]uint64)
	next := uint64(gap)
	for i, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		if i >= int(elf.SHN_LORESERVE) || s.Size > uint64(len(ko)) {
			return nil, nil, fmt.Errorf("read debug information: section %s is impossible: %d bytes in a file of %d",
				s.Name, s.Size, len(ko))
		}
		bases[uint16(i)] = next
		next += (s.Size/gap + 2) * gap
	}
	table := f.SectionByType(elf.SHT_SYMTAB)
	if table == nil {
		return nil, nil, fmt.Errorf("read debug information: no symbol table")
	}
	if table.Offset > uint64(len(ko)) || table.Size > uint64(len(ko))-table.Offset {
		return nil, nil, fmt.Errorf("read debug information: the symbol table lies outside the file")
	}
	placed := slices.Clone(ko)
	symbols := placed[table.Offset : table.Offset+table.Size]
	for ; len(symbols) >= symbolSize; symbols = symbols[symbolSize:] {
		if base, ok := bases[f.ByteOrder.Uint16(symbols[symbolShndx:])]; ok {
			addValue(f.ByteOrder, symbols[symbolValue:], base)
		}
	}
	return placed, bases, nil
}

func addValue(order binary.ByteOrder, b []byte, base uint64) {
	order.PutUint64(b, order.Uint64(b)+base)
}

// Find returns the positions of function+offset, innermost first: functions that were inlined there, and last the named
// function itself. size is the function's size as the kernel prints it, which tells functions of the same name apart; 0
// if unknown. exact says that the place is an instruction; otherwise it is a return address, and the call before it
// counts.
func (m *Module) Find(name string, offset, size uint64, exact bool) (list []Position, err error) {
	defer guard("find "+name, &err)
	f, err := m.function(name, offset, size)
	if err != nil {
		return nil, err
	}
	pc := f.addr + offset
	if !exact && offset > 0 {
		pc--
	}
	return m.positions(pc)
}

// function picks the symbol. For the kernel a function reaches to the next one, so its sizes are those of the symbols
// plus some padding.
func (m *Module) function(name string, offset, size uint64) (function, error) {
	var best function
	found, ambiguous := false, false
	for _, f := range m.functions[name] {
		if offset > f.size || size != 0 && f.size > size {
			continue
		}
		switch {
		case !found || size != 0 && f.size > best.size:
			best, found, ambiguous = f, true, false
		case f != best:
			ambiguous = true
		}
	}
	switch {
	case !found:
		return best, fmt.Errorf("%s: %w", name, ErrUnknownPlace)
	case ambiguous:
		return best, fmt.Errorf("%s is the name of several functions: %w", name, ErrUnknownPlace)
	}
	return best, nil
}
