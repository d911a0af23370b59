// SPDX-License-Identifier: MIT

package printk

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is what a module's file says about its messages.
type File struct {
	own    []*Format // with a level, or KERN_CONT
	plain  []*Format // strings without a level: formats of printk and dev_info, and others that are not formats at all
	dumps  bool      // it calls print_hex_dump
	joined bool      // it uses KERN_CONT
	levels bool      // it has a format of arguments alone, the first of which may be a level: %s%s
}

// Bounds on what one file can yield.
const (
	maxFormats     = 4 << 10
	maxFormatBytes = 1 << 10
	maxRelocations = 1 << 20
)

// Read finds the formats in a module's file. A file that is none has no formats.
func Read(ko []byte) *File {
	file := new(File)
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return file
	}
	places := make(map[place][]*Format)
	for i, s := range f.Sections {
		if !holdsStrings(s) {
			continue
		}
		data, err := s.Data()
		if err != nil {
			continue
		}
		file.strings(elf.SectionIndex(i), data, places)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return file
	}
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF && strings.HasPrefix(s.Name, "print_hex_dump") {
			file.dumps = true
		}
	}
	findUses(f, symbols, places)
	return file
}

// holdsStrings reports whether a section can hold formats. Those of modinfo and parameters are for others.
func holdsStrings(s *elf.Section) bool {
	return s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_EXECINSTR == 0 &&
		(strings.HasPrefix(s.Name, ".rodata") || strings.HasPrefix(s.Name, ".data") || s.Flags&elf.SHF_STRINGS != 0)
}

// place is a place in a module's file.
type place struct {
	section elf.SectionIndex
	offset  uint64
}

// strings takes the strings of a section.
func (file *File) strings(section elf.SectionIndex, data []byte, places map[place][]*Format) {
	offset := 0
	for part := range bytes.SplitSeq(data, []byte{0}) {
		at := place{section, uint64(offset)}
		offset += len(part) + 1
		if soh := bytes.IndexByte(part, startOfHeader); soh > 0 { // data without a zero at its end precedes it
			at.offset += uint64(soh)
			part = part[soh:]
		}
		if len(part) < 2 || len(part) > maxFormatBytes || !utf8.Valid(part) {
			continue
		}
		file.add(string(part), at, places)
	}
}

func (file *File) add(s string, at place, places map[place][]*Format) {
	own := s[0] == startOfHeader
	if own && (s[1] < '0' || s[1] > '7') && s[1] != 'c' && s[1] != 'd' {
		return
	}
	list := &file.plain
	if own {
		list = &file.own
	}
	for _, f := range formatsOf(s) {
		file.levels = file.levels || f.weight == 0 && strings.HasPrefix(f.text, "%s%")
		if len(*list) == maxFormats || !own && f.weight == 0 {
			return
		}
		*list = append(*list, f)
		places[at] = append(places[at], f)
		file.joined = file.joined || f.Level == Continued
	}
}

// findUses finds the functions that use the formats, by the relocations of their code.
func findUses(f *elf.File, symbols []elf.Symbol, places map[place][]*Format) {
	u := uses{f, symbols, sortedFunctions(symbols), make(map[string]bool), make(map[string]bool)}
	u.nameEnds()
	n := 0
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) ||
			f.Sections[s.Info].Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		data, err := s.Data()
		if err != nil {
			continue
		}
		for ; len(data) >= relaSize && n < maxRelocations; data, n = data[relaSize:], n+1 {
			formats := places[u.target(data)]
			if len(formats) == 0 {
				continue
			}
			name := u.function(place{elf.SectionIndex(s.Info), binary.LittleEndian.Uint64(data)})
			for _, format := range formats {
				u.use(format, name)
			}
		}
	}
}

const relaSize = 24 // of Elf64_Rela

// uses knows the functions of a module.
type uses struct {
	file       *elf.File
	symbols    []elf.Symbol
	functions  []elf.Symbol // by section and address
	init, exit map[string]bool
}

func sortedFunctions(symbols []elf.Symbol) []elf.Symbol {
	functions := slices.DeleteFunc(slices.Clone(symbols), func(s elf.Symbol) bool {
		return elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Section == elf.SHN_UNDEF
	})
	slices.SortStableFunc(functions, func(a, b elf.Symbol) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Value, b.Value))
	})
	return functions
}

// nameEnds finds the functions that are nothing but the module's init or exit.
func (u *uses) nameEnds() {
	second := make(map[place]map[string]bool) // of the functions that have one
	for _, s := range u.functions {
		switch s.Name {
		case "init_module":
			second[place{s.Section, s.Value}] = u.init
		case "cleanup_module":
			second[place{s.Section, s.Value}] = u.exit
		}
	}
	for _, s := range u.functions {
		section := ""
		if int(s.Section) < len(u.file.Sections) {
			section = u.file.Sections[s.Section].Name
		}
		names := second[place{s.Section, s.Value}]
		switch section {
		case ".init.text":
			names = u.init
		case ".exit.text":
			names = u.exit
		}
		if names != nil {
			names[plainName(s.Name)] = true
		}
	}
}

// plainName is a function's name in the source: the compiler splits functions, and names the parts work.cold or
// work.part.0.
func plainName(symbol string) string {
	name, _, _ := strings.Cut(symbol, ".")
	return name
}

// target is the place that a relocation names.
func (u *uses) target(rela []byte) place {
	info, addend := binary.LittleEndian.Uint64(rela[8:]), int64(binary.LittleEndian.Uint64(rela[16:]))
	i := info >> 32
	if i == 0 || i > uint64(len(u.symbols)) {
		return place{}
	}
	if u.file.Machine == elf.EM_X86_64 {
		switch elf.R_X86_64(uint32(info)) {
		case elf.R_X86_64_PC32, elf.R_X86_64_PLT32: // relative to the next instruction
			addend += 4
		}
	}
	s := u.symbols[i-1]
	return place{s.Section, s.Value + uint64(addend)}
}

// function names the function at a place, "" if there is none.
func (u *uses) function(at place) string {
	i, _ := slices.BinarySearchFunc(u.functions, at, func(s elf.Symbol, at place) int {
		return cmp.Or(cmp.Compare(s.Section, at.section), cmp.Compare(s.Value, at.offset+1))
	})
	name := ""
	const aliases = 4
	for k := i - 1; k >= max(0, i-aliases); k-- {
		s := &u.functions[k]
		if s.Section != at.section || at.offset >= s.Value+s.Size {
			continue
		}
		if name == "" || name == "init_module" || name == "cleanup_module" { // these are second names
			name = plainName(s.Name)
		}
	}
	return name
}

// use notes that a function uses a format.
func (u *uses) use(f *Format, name string) {
	first := len(f.Functions) == 0
	f.Init, f.Exit = u.init[name] && (first || f.Init), u.exit[name] && (first || f.Exit)
	if !slices.Contains(f.Functions, name) {
		f.Functions = append(f.Functions, name)
	}
}
