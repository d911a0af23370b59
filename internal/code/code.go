// SPDX-License-Identifier: MIT

// Package code reads the machine code of a kernel module's file: which function a place calls, on which object, and
// whether the loop around a place can ever end. It is pure, and does not trust the file: what it cannot read is
// unknown.
package code

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Module is the code of one module.
type Module struct {
	sections map[elf.SectionIndex]*section
	funcs    map[string][]function
	objects  []function                  // data with a name
	names    map[elf.SectionIndex]string // of all sections
	byPlace  map[elf.SectionIndex][]function
	branches map[place]place // to which the kernel may make an instruction jump
}

// section is an executable section.
type section struct {
	data   []byte
	relocs map[uint64]target // by the offset of the operand
}

// function is a symbol with a place in a section.
type function struct {
	name    string
	section elf.SectionIndex
	at, end uint64
}

// target is what an operand refers to: a symbol of the kernel or of another module, or a place in this one.
type target struct {
	name    string // of a symbol that is not in this file
	section elf.SectionIndex
	at      uint64 // in section, with the addend
	wide    bool   // the operand is relative to its end, as that of a call is
}

// maxCode bounds what is read of a file.
const maxCode = 16 << 20

// Open reads the bytes of a plain .ko for x86-64.
func Open(ko []byte) (m *Module, err error) {
	defer func() {
		if v := recover(); v != nil { // the standard library's reader is not hardened against hostile files
			m, err = nil, fmt.Errorf("read module's code: the file is damaged: %v", v)
		}
	}()
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, fmt.Errorf("read module's code: %w", err)
	}
	if f.Type != elf.ET_REL || f.Machine != elf.EM_X86_64 {
		return nil, errors.New("read module's code: it is not a module for x86-64")
	}
	m = &Module{
		sections: make(map[elf.SectionIndex]*section), funcs: make(map[string][]function),
		byPlace: make(map[elf.SectionIndex][]function), names: make(map[elf.SectionIndex]string),
		branches: make(map[place]place),
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read module's code: %w", err)
	}
	if err := m.addSections(f, symbols); err != nil {
		return nil, err
	}
	m.addSymbols(symbols)
	return m, nil
}

func (m *Module) addSections(f *elf.File, symbols []elf.Symbol) error {
	for i, s := range f.Sections {
		m.names[elf.SectionIndex(i)] = s.Name
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR == 0 || s.Type != elf.SHT_PROGBITS {
			continue
		}
		if s.Size > maxCode {
			return fmt.Errorf("read module's code: section %s has %d bytes", s.Name, s.Size)
		}
		data, err := s.Data()
		if err != nil {
			return fmt.Errorf("read module's code: %w", err)
		}
		m.sections[elf.SectionIndex(i)] = &section{data: data, relocs: make(map[uint64]target)}
	}
	for _, s := range f.Sections {
		of := m.sections[elf.SectionIndex(s.Info)]
		entry := branchTables[m.names[elf.SectionIndex(s.Info)]]
		if s.Type != elf.SHT_RELA || of == nil && entry == 0 {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return fmt.Errorf("read module's code: %w", err)
		}
		if of == nil {
			of = &section{relocs: make(map[uint64]target)}
		}
		if of.relocate(data, symbols); entry > 0 {
			m.addBranches(of, entry)
		}
	}
	return nil
}

// branchTables are the sections that list where the kernel may change the way of the code: a static key makes a nop a
// jump, and an instruction that faults goes on elsewhere. Their entries have so many bytes, and begin with both places.
var branchTables = map[string]uint64{"__jump_table": 16, "__ex_table": 12}

func (m *Module) addBranches(table *section, entry uint64) {
	for at, from := range table.relocs {
		to, ok := table.relocs[at+4]
		if at%entry == 0 && ok && from.name == "" && to.name == "" {
			m.branches[place{from.section, from.at}] = place{to.section, to.at}
		}
	}
}

// relocate notes what the operands of a section refer to.
func (s *section) relocate(data []byte, symbols []elf.Symbol) {
	const entry = 24 // bytes of an Elf64_Rela
	for ; len(data) >= entry; data = data[entry:] {
		at := binary.LittleEndian.Uint64(data)
		kind := elf.R_X86_64(binary.LittleEndian.Uint32(data[8:]))
		n := binary.LittleEndian.Uint32(data[12:])
		addend := binary.LittleEndian.Uint64(data[16:])
		if n == 0 || int(n) > len(symbols) {
			continue
		}
		symbol := symbols[n-1] // the null symbol is left out
		t := target{section: symbol.Section, at: symbol.Value + addend}
		switch kind {
		case elf.R_X86_64_PC32, elf.R_X86_64_PLT32:
			t.wide = true
		case elf.R_X86_64_32S, elf.R_X86_64_32, elf.R_X86_64_64:
		default:
			continue
		}
		if symbol.Section == elf.SHN_UNDEF {
			t.name = symbol.Name
		}
		s.relocs[at] = t
	}
}

func (m *Module) addSymbols(symbols []elf.Symbol) {
	for _, s := range symbols {
		f := function{name: s.Name, section: s.Section, at: s.Value, end: s.Value + s.Size}
		switch elf.ST_TYPE(s.Info) {
		case elf.STT_OBJECT:
			m.objects = append(m.objects, f)
		case elf.STT_FUNC, elf.STT_NOTYPE:
			code := m.sections[s.Section]
			if code == nil || s.Size == 0 || f.end > uint64(len(code.data)) || f.end < f.at {
				continue
			}
			m.funcs[s.Name] = append(m.funcs[s.Name], f)
			m.byPlace[s.Section] = append(m.byPlace[s.Section], f)
		}
	}
}

// function is the one of a name, if there is only one with that many bytes.
func (m *Module) function(name string, offset uint64) (function, bool) {
	var found function
	n := 0
	for _, f := range m.funcs[name] {
		if offset <= f.end-f.at {
			found = f
			n++
		}
	}
	return found, n == 1
}

// owner is the function that holds a place. Of several names it is the one that the author chose.
func (m *Module) owner(s elf.SectionIndex, at uint64) (function, bool) {
	var found function
	ok := false
	for _, f := range m.byPlace[s] {
		if at >= f.at && at < f.end && (!ok || isAlias(found.name)) {
			found, ok = f, true
		}
	}
	return found, ok
}

// isAlias reports whether a name is one that module_init and module_exit give to the author's function.
func isAlias(name string) bool { return name == "init_module" || name == "cleanup_module" }

// Init and Exit name the function that runs at load and at unload, by the author's name; "" if there is none.
func (m *Module) Init() string { return m.aliased("init_module") }

// Exit is as Init.
func (m *Module) Exit() string { return m.aliased("cleanup_module") }

// Functions names all functions, by the authors' names, in the order of these.
func (m *Module) Functions() []string {
	var names []string
	for name := range m.funcs {
		if !isAlias(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (m *Module) aliased(alias string) string {
	f, ok := m.function(alias, 0)
	if !ok {
		return ""
	}
	own, _ := m.owner(f.section, f.at)
	return own.name
}

// Callee names the function whose call returns to an offset of a function; "" if that is unknown or not a direct call.
func (m *Module) Callee(name string, offset uint64) string {
	f, ok := m.function(name, offset)
	if !ok || offset < callSize || m.sections[f.section].data[f.at+offset-callSize] != opCall {
		return ""
	}
	return m.targetName(f.section, f.at+offset-callSize)
}

const (
	opCall   = 0xe8
	opJump   = 0xe9
	callSize = 5 // of both, with their distance
)

// targetName names what the call or jump at a place goes to.
func (m *Module) targetName(s elf.SectionIndex, at uint64) string {
	code := m.sections[s]
	t, ok := code.relocs[at+1]
	switch {
	case ok && t.name != "":
		return t.name
	case ok:
		own, _ := m.owner(t.section, t.at+4)
		return own.name
	case at+callSize > uint64(len(code.data)):
		return ""
	}
	distance := int32(binary.LittleEndian.Uint32(code.data[at+1:]))
	own, _ := m.owner(s, at+callSize+uint64(int64(distance)))
	return own.name
}

// Refers reports whether the code refers to a symbol of others, one that fits.
func (m *Module) Refers(fits func(name string) bool) bool {
	for _, s := range m.sections {
		for _, t := range s.relocs {
			if t.name != "" && fits(t.name) {
				return true
			}
		}
	}
	return false
}

// Variable is a variable of the module.
type Variable struct {
	Name    string
	Section string
	Offset  uint64 // in it
}

// Object finds the variable whose address a call has as its first argument: the call that returns to an offset of a
// function. It has no name unless the code says it right before the call.
func (m *Module) Object(name string, offset uint64) Variable {
	f, ok := m.function(name, offset)
	if !ok || offset < callSize {
		return Variable{}
	}
	const before = 32 // bytes in which an argument is set
	code := m.sections[f.section]
	end := f.at + offset
	for at := end - callSize; at > f.at && at+before > end; at-- {
		t, ok := code.relocs[at]
		if !ok || at < 3 {
			continue
		}
		if code.data[at-1] == opCall { // what comes before is another call's
			return Variable{}
		}
		prefix := code.data[at-3 : at]
		switch {
		case bytes.Equal(prefix, []byte{0x48, 0xc7, 0xc7}): // mov $object,%rdi
			return m.objectAt(t.section, t.at)
		case bytes.Equal(prefix, []byte{0x48, 0x8d, 0x3d}): // lea object(%rip),%rdi
			return m.objectAt(t.section, t.at+4)
		}
	}
	return Variable{}
}

func (m *Module) objectAt(s elf.SectionIndex, at uint64) Variable {
	for _, o := range m.objects {
		if o.section == s && at == o.at {
			return Variable{Name: plain(o.name), Section: m.names[s], Offset: at}
		}
	}
	return Variable{}
}

// plain is a name without what the compiler adds to a static variable of a function.
func plain(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return name
}

// Jump is a call at the end of a function, which the compiler made a jump.
type Jump struct {
	Callee string
	Offset uint64 // in its function, of the instruction before the jump that sets an argument, or of the jump
}
