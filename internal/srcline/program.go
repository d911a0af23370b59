// SPDX-License-Identifier: MIT

package srcline

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// Program is an executable or a library: what its debug information (DWARF), or else its symbols, say of a place in it.
type Program struct {
	lines    Module // data is nil without debug information
	segments []elf.ProgHeader
	symbols  []programSymbol // functions, in the order of their addresses
}

type programSymbol struct {
	name string
	function
}

// Place is a place in a program.
type Place struct {
	Position        // Function alone without debug information
	Offset   uint64 // in the symbol Function, if there is no line
}

// OpenProgram reads the bytes of an executable or a library.
func OpenProgram(data []byte) (p *Program, err error) {
	defer guard("read a program", &err)
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read a program: %w", err)
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return nil, fmt.Errorf("read a program: %v is neither an executable nor a library", f.Type)
	}
	if err := bounded(f); err != nil {
		return nil, err
	}
	p = &Program{symbols: functionsOf(f)}
	for _, s := range f.Progs {
		if s.Type == elf.PT_LOAD {
			p.segments = append(p.segments, s.ProgHeader)
		}
	}
	if info := cmp.Or(f.Section(".debug_info"), f.Section(".zdebug_info")); info != nil && info.Size > 0 {
		if err := p.readLines(f, info); err != nil && len(p.symbols) == 0 {
			return nil, err // else the symbols have to do
		}
	}
	return p, nil
}

func (p *Program) readLines(f *elf.File, info *elf.Section) (err error) {
	defer guard("read debug information", &err)
	entries, err := info.Data()
	if err != nil {
		return fmt.Errorf("read debug information: %w", err)
	}
	data, err := f.DWARF()
	if err != nil {
		return fmt.Errorf("read debug information: %w", err)
	}
	p.lines.data, p.lines.units = data, units(entries, f.ByteOrder)
	return nil
}

// maxSections bounds all sections of a file when they are unpacked: compressed ones may be a thousand times as large as
// the file.
const maxSections = 1 << 30

func bounded(f *elf.File) error {
	left := uint64(maxSections)
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOBITS {
			continue
		}
		if strings.HasPrefix(s.Name, ".zdebug") {
			s.Open() // which finds out its size
		}
		if s.Size > left {
			return fmt.Errorf("read sections: they have more than %d MiB", maxSections>>20)
		}
		left -= s.Size
	}
	return nil
}

// functionsOf are the functions of a file: those of its symbol table, or what is left of them in a stripped one.
func functionsOf(f *elf.File) []programSymbol {
	all, err := f.Symbols()
	if err != nil || len(all) == 0 {
		all, _ = f.DynamicSymbols() // a static program has none
	}
	var list []programSymbol
	for _, s := range all {
		here := s.Section != elf.SHN_UNDEF && s.Section < elf.SHN_LORESERVE
		if s.Name != "" && elf.ST_TYPE(s.Info) == elf.STT_FUNC && here {
			list = append(list, programSymbol{s.Name, function{s.Value, s.Size}})
		}
	}
	slices.SortStableFunc(list, func(a, b programSymbol) int { return cmp.Compare(a.addr, b.addr) })
	return list
}

// At says what is at an offset in the file: the innermost function that the compiler inlined there counts.
func (p *Program) At(offset uint64) (place Place, err error) {
	defer guard("find a place in a program", &err)
	for _, s := range p.segments {
		if offset < s.Off || offset-s.Off >= s.Filesz {
			continue
		}
		return p.at(offset - s.Off + s.Vaddr)
	}
	return Place{}, ErrUnknownPlace
}

func (p *Program) at(pc uint64) (Place, error) {
	symbol, found := p.symbol(pc)
	if p.lines.data != nil {
		list, err := p.lines.positions(pc)
		if err == nil && len(list) > 0 && list[0].Function != "" && list[0].Line > 0 {
			return Place{Position: list[0]}, nil
		}
	}
	if !found {
		return Place{}, ErrUnknownPlace
	}
	return Place{Position: Position{Function: symbol.name}, Offset: pc - symbol.addr}, nil
}

// symbol is the function that contains an address. One that is written in assembler may have no size, and reaches to
// the next one.
func (p *Program) symbol(pc uint64) (programSymbol, bool) {
	i, _ := slices.BinarySearchFunc(p.symbols, pc, func(s programSymbol, pc uint64) int {
		if s.addr <= pc {
			return -1
		}
		return 1
	})
	for i--; i >= 0; i-- {
		s := p.symbols[i]
		if s.size == 0 || pc-s.addr < s.size {
			return s, true
		}
		if i > 0 && p.symbols[i-1].addr != s.addr { // of several names for one function, one may have the size
			break
		}
	}
	return programSymbol{}, false
}
