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
	// Edge says that a kprobe in the function could crash the kernel. To find out whether it can make a jump of the probe,
	// the kernel decodes the function up to where the next one begins (can_optimize in arch/x86/kernel/kprobes/opt.c),
	// the last one up to the end of the page. If it does not end with a return, the decoder reads the zeros there, which
	// are instructions of two bytes each: if their number is odd, the last one goes on in the next page, and there may be
	// none. Seen on 6.12.
	Edge bool
	// Traced says that the function begins with a place for ftrace: a kprobe there is ftrace's, and nothing is decoded.
	Traced bool
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
		returns := endsInReturn(text, relocations, symbols)
		for ; len(relocations) >= relaSize; relocations = relocations[relaSize:] {
			at, info := binary.LittleEndian.Uint64(relocations), binary.LittleEndian.Uint64(relocations[8:])
			if i := info >> 32; i > 0 && i <= uint64(len(symbols)) && wanted(symbols[i-1].Name) {
				list = append(list, code.call(symbols[i-1].Name, int(s.Info), text, at, returns)...)
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
	opReturn = 0xc3
	opTrap   = 0xcc // int3
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

// What a function begins with that ftrace can trace: a call, or what objtool has made of it.
var (
	endbr64  = []byte{0xf3, 0x0f, 0x1e, 0xfa}
	fiveNops = []byte{0x0f, 0x1f, 0x44, 0x00, 0x00}
)

// isTraced reports whether the function at an offset of a section has a place for ftrace.
func isTraced(text []byte, at uint64) bool {
	if at > uint64(len(text)) {
		return false
	}
	begin := bytes.TrimPrefix(text[at:], endbr64)
	return bytes.HasPrefix(begin, []byte{opCall}) || bytes.HasPrefix(begin, fiveNops)
}

// endsInReturn reports whether the last instruction of a section is a return, or what stands behind one.
func endsInReturn(text, relocations []byte, symbols []elf.Symbol) bool {
	n := len(text)
	if n > 0 && (text[n-1] == opReturn || text[n-1] == opTrap) {
		return true
	}
	for ; len(relocations) >= relaSize; relocations = relocations[relaSize:] {
		at, info := binary.LittleEndian.Uint64(relocations), binary.LittleEndian.Uint64(relocations[8:])
		if i := info >> 32; at+4 == uint64(n) && i > 0 && i <= uint64(len(symbols)) {
			return symbols[i-1].Name == "__x86_return_thunk"
		}
	}
	return false
}

// edge reports whether a function is the last one of the module's code, or of the code of its init, and followed by an
// odd number of bytes.
func (c *moduleCode) edge(s elf.Symbol) bool {
	own := c.file.Sections[s.Section]
	if own.Size%2 == 0 {
		return false
	}
	init := strings.HasPrefix(own.Name, ".init")
	for _, later := range c.file.Sections[s.Section+1:] {
		if isCode(later) && later.Size > 0 && strings.HasPrefix(later.Name, ".init") == init {
			return false
		}
	}
	return !slices.ContainsFunc(c.functions, func(f elf.Symbol) bool {
		return f.Section == s.Section && f.Value > s.Value
	})
}

// call returns the call whose distance is at an offset of a section, none if there is something else.
func (c *moduleCode) call(function string, section int, text []byte, at uint64, returns bool) []CallSite {
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
		Edge:    !returns && c.edge(s), Traced: isTraced(text, s.Value),
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
