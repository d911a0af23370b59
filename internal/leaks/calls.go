// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// CallSite is a call in a module's code of one of the kernel's functions.
type CallSite struct {
	Function string // of the kernel
	Symbol   string // of the module, with Offset: where the call returns to
	Offset   uint64
	Jump     bool // the call is a function's last, and returns to that function's caller
	When     When
	Notrace  bool // in a section in which no kprobe may be set
}

// When says when a module's function is called.
type When int

// The times of a module's life.
const (
	Meanwhile When = iota
	AtInit         // the function is the module's init function, or in its init section
	AtExit
)

// Calls lists the calls in a module's code of functions that wanted names, from its relocations: the linker of modules
// leaves every call of the kernel to the loader. It knows the calls of x86-64.
func Calls(ko []byte, wanted func(name string) bool) ([]CallSite, error) {
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	if f.Machine != elf.EM_X86_64 {
		return nil, nil
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read module's symbols: %w", err)
	}
	code := newCode(f, symbols)
	var list []CallSite
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) || !isCode(f.Sections[s.Info]) {
			continue
		}
		relocations, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("read module's relocations: %w", err)
		}
		text, err := f.Sections[s.Info].Data()
		if err != nil {
			return nil, fmt.Errorf("read module's code: %w", err)
		}
		for ; len(relocations) >= relaSize; relocations = relocations[relaSize:] {
			at, info := binary.LittleEndian.Uint64(relocations), binary.LittleEndian.Uint64(relocations[8:])
			if i := info >> 32; i > 0 && i <= uint64(len(symbols)) && wanted(symbols[i-1].Name) {
				list = append(list, code.call(symbols[i-1].Name, int(s.Info), text, at)...)
			}
		}
	}
	return list, nil
}

const (
	relaSize = 24
	callSize = 5 // an opcode and a distance
	opCall   = 0xe8
	opJump   = 0xe9
)

func isCode(s *elf.Section) bool {
	const code = elf.SHF_ALLOC | elf.SHF_EXECINSTR
	return s.Flags&code == code
}

// moduleCode finds the functions of a module.
type moduleCode struct {
	file      *elf.File
	functions []elf.Symbol // sorted by section and address
	init      elf.Symbol
	exit      elf.Symbol
}

func newCode(f *elf.File, symbols []elf.Symbol) *moduleCode {
	c := &moduleCode{file: f}
	for _, s := range symbols {
		switch {
		case s.Section == elf.SHN_UNDEF || elf.ST_TYPE(s.Info) != elf.STT_FUNC:
		case s.Name == "init_module":
			c.init = s
		case s.Name == "cleanup_module":
			c.exit = s
		case !strings.HasPrefix(s.Name, "__pfx_") && !strings.HasPrefix(s.Name, "__cfi_"):
			c.functions = append(c.functions, s)
		}
	}
	slices.SortStableFunc(c.functions, func(a, b elf.Symbol) int {
		if a.Section != b.Section {
			return int(a.Section) - int(b.Section)
		}
		return int(a.Value) - int(b.Value)
	})
	// A module may define init_module itself.
	for _, s := range []elf.Symbol{c.init, c.exit} {
		if _, ok := c.at(int(s.Section), s.Value); !ok && s.Name != "" {
			c.functions = append(c.functions, s)
		}
	}
	return c
}

func (c *moduleCode) at(section int, at uint64) (elf.Symbol, bool) {
	i := sort.Search(len(c.functions), func(i int) bool {
		s := c.functions[i]
		return int(s.Section) > section || int(s.Section) == section && s.Value > at
	})
	if i == 0 {
		return elf.Symbol{}, false
	}
	s := c.functions[i-1]
	return s, int(s.Section) == section && at < s.Value+max(s.Size, 1)
}

// call returns the call whose distance is at an offset of a section, none if there is something else.
func (c *moduleCode) call(function string, section int, text []byte, at uint64) []CallSite {
	if at < 1 || at+callSize-1 > uint64(len(text)) {
		return nil
	}
	conditional := at > 1 && text[at-2] == 0x0f && text[at-1]&0xf0 == 0x80
	jump := text[at-1] == opJump || conditional
	if text[at-1] != opCall && !jump {
		return nil
	}
	s, ok := c.at(section, at)
	if !ok {
		return nil
	}
	name := c.file.Sections[section].Name
	site := CallSite{
		Function: function, Symbol: s.Name, Offset: at + callSize - 1 - s.Value, Jump: jump,
		Notrace: strings.HasPrefix(name, ".exit") || strings.HasPrefix(name, ".noinstr"),
	}
	is := func(of elf.Symbol) bool { return of.Name != "" && of.Section == s.Section && of.Value == s.Value }
	switch {
	case is(c.init):
		site.When = AtInit
	case is(c.exit):
		site.When = AtExit
	}
	return []CallSite{site}
}
