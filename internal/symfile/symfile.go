// SPDX-License-Identifier: MIT

// Package symfile writes an ELF file from which a debugger has a kernel's symbols, and how to unwind its stack. It
// holds no code and no data: a debugger reads these from the machine.
package symfile

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Symbol is a name of the kernel.
type Symbol struct {
	Name   string
	Addr   uint64
	Global bool
	Code   bool
}

// ParseKallsyms reads lines of an address, a letter and a name. A module's are left out, and what is no such line.
func ParseKallsyms(text string) []Symbol {
	list := make([]Symbol, 0, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || len(fields[1]) != 1 {
			continue
		}
		addr, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil || addr == 0 {
			continue
		}
		letter := fields[1][0]
		list = append(list, Symbol{
			Name: fields[2], Addr: addr, Global: letter >= 'A' && letter <= 'Z',
			Code: strings.ContainsRune("tTwW", rune(letter)),
		})
	}
	return list
}

// Code are the addresses at which functions begin, in order.
func Code(symbols []Symbol) []uint64 {
	var starts []uint64
	for _, s := range symbols {
		if s.Code {
			starts = append(starts, s.Addr)
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// section is a part of the kernel's address space.
type section struct {
	name     string
	from, to uint64
	code     bool
}

// sections go by the marks that a linker script leaves among the symbols.
func sections(symbols []Symbol) []section {
	mark := make(map[string]uint64)
	for _, s := range symbols {
		switch s.Name {
		case "_text", "_etext", "_sinittext", "_einittext", "_end":
			mark[s.Name] = s.Addr
		}
	}
	var list []section
	add := func(name, from, to string, code bool) {
		if mark[from] != 0 && mark[from] < mark[to] {
			list = append(list, section{name, mark[from], mark[to], code})
		}
	}
	add(".text", "_text", "_etext", true)
	add(".data", "_etext", "_sinittext", false)
	add(".init.text", "_sinittext", "_einittext", true)
	add(".init.data", "_einittext", "_end", false)
	return list
}

const (
	headerSize  = 64 // of the file, and of a section
	symbolSize  = 24
	alignedBy   = 8
	firstNumber = 1 // of a section: 0 is none
)

// Write makes the file. frames is a .debug_frame, nil for none.
func Write(symbols []Symbol, frames []byte) []byte {
	parts := sections(symbols)
	table, names, locals := symbolTable(symbols, parts)
	w := &writer{}
	w.section("", elf.SHT_NULL, 0, nil, elf.Section64{})
	for _, p := range parts {
		flags := elf.SHF_ALLOC
		if p.code {
			flags |= elf.SHF_EXECINSTR
		}
		w.section(p.name, elf.SHT_NOBITS, flags, nil, elf.Section64{Addr: p.from, Size: p.to - p.from, Addralign: 1})
	}
	link := uint32(firstNumber + len(parts) + 1)
	w.section(".symtab", elf.SHT_SYMTAB, 0, table,
		elf.Section64{Link: link, Info: uint32(locals), Entsize: symbolSize, Addralign: alignedBy})
	w.section(".strtab", elf.SHT_STRTAB, 0, names, elf.Section64{Addralign: 1})
	if frames != nil {
		w.section(".debug_frame", elf.SHT_PROGBITS, 0, frames, elf.Section64{Addralign: alignedBy})
	}
	return w.file()
}

// symbolTable makes the table and its names. Local symbols come first, which ELF asks for.
func symbolTable(symbols []Symbol, parts []section) (table, names []byte, locals int) {
	sorted := slices.Clone(symbols)
	slices.SortStableFunc(sorted, func(a, b Symbol) int {
		if a.Global != b.Global {
			if b.Global {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Addr, b.Addr)
	})
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, elf.Sym64{})
	names, locals = []byte{0}, 1
	for _, s := range sorted {
		bind, kind := elf.STB_LOCAL, elf.STT_OBJECT
		if s.Global {
			bind = elf.STB_GLOBAL
		} else {
			locals++
		}
		if s.Code {
			kind = elf.STT_FUNC
		}
		number := uint16(elf.SHN_ABS)
		if i := slices.IndexFunc(parts, func(p section) bool { return s.Addr >= p.from && s.Addr < p.to }); i >= 0 {
			number = uint16(firstNumber + i)
		}
		var entry [symbolSize]byte
		binary.LittleEndian.PutUint32(entry[:], uint32(len(names)))
		entry[4] = elf.ST_INFO(bind, kind)
		binary.LittleEndian.PutUint16(entry[6:], number)
		binary.LittleEndian.PutUint64(entry[8:], s.Addr)
		out.Write(entry[:])
		names = append(append(names, s.Name...), 0)
	}
	return out.Bytes(), names, locals
}

// writer lays a file out: header, contents, section headers.
type writer struct {
	content bytes.Buffer
	headers []elf.Section64
	names   []byte
}

func (w *writer) section(name string, kind elf.SectionType, flags elf.SectionFlag, data []byte, h elf.Section64) {
	h.Name, h.Type, h.Flags = uint32(len(w.names)), uint32(kind), uint64(flags)
	w.names = append(append(w.names, name...), 0)
	if kind != elf.SHT_NULL {
		for w.content.Len()%alignedBy != 0 {
			w.content.WriteByte(0)
		}
		h.Off = uint64(headerSize + w.content.Len())
		if data != nil {
			h.Size = uint64(len(data))
		}
	}
	w.content.Write(data)
	w.headers = append(w.headers, h)
}

func (w *writer) file() []byte {
	const own = ".shstrtab"
	names := append(append(slices.Clone(w.names), own...), 0)
	w.section(own, elf.SHT_STRTAB, 0, names, elf.Section64{Addralign: 1})
	for w.content.Len()%alignedBy != 0 {
		w.content.WriteByte(0)
	}
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Shoff: uint64(headerSize + w.content.Len()), Ehsize: headerSize, Shentsize: headerSize,
		Shnum: uint16(len(w.headers)), Shstrndx: uint16(len(w.headers) - 1),
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, header)
	out.Write(w.content.Bytes())
	binary.Write(&out, binary.LittleEndian, w.headers)
	return out.Bytes()
}

// Unwinding makes a .debug_frame from the ORC tables of an unpacked kernel.
func Unwinding(kernel *elf.File, functions []uint64) ([]byte, error) {
	places, entries := kernel.Section(".orc_unwind_ip"), kernel.Section(".orc_unwind")
	if places == nil || entries == nil || places.Type == elf.SHT_NOBITS || entries.Type == elf.SHT_NOBITS {
		return nil, fmt.Errorf("read how the kernel unwinds: it has no ORC tables")
	}
	at, err := places.Data()
	if err != nil {
		return nil, fmt.Errorf("read how the kernel unwinds: %w", err)
	}
	how, err := entries.Data()
	if err != nil {
		return nil, fmt.Errorf("read how the kernel unwinds: %w", err)
	}
	list, err := parseORC(at, how, places.Addr)
	if err != nil {
		return nil, err
	}
	return frames(list, functions), nil
}
