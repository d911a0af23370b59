// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// elfFile is a relocatable ELF object as far as a module needs it. It is our
// own rather than debug/elf because depmod reads thousands of symbol tables:
// this one allocates nothing for a symbol that nobody asks about, and it can
// say which section lies beyond the end of a truncated file.
type elfFile struct {
	data     []byte
	order    binary.ByteOrder
	is64     bool
	machine  uint16
	sections []elfSection
}

type elfSection struct {
	name string
	typ  uint32
	link uint32
	off  uint64
	data []byte // nil for sections without bytes in the file
}

type elfSymbol struct {
	name  []byte // part of the file's bytes
	value uint64
	shndx uint16
	bind  byte
}

// The few constants of the ELF specification that are used here.
const (
	etRel      = 1
	shtSymtab  = 2
	shtNobits  = 8
	shnUndef   = 0
	shnAbs     = 0xfff1
	shnXindex  = 0xffff
	stbWeak    = 2
	maxSection = 1 << 20
)

// parseELF reads the headers; every offset is checked against the data.
func parseELF(data []byte) (*elfFile, error) {
	if len(data) == 0 {
		return nil, invalid("empty file")
	}
	if len(data) < 16 || string(data[:4]) != "\x7fELF" {
		return nil, invalid("%s", describe(data))
	}
	f := &elfFile{data: data, is64: data[4] == 2, order: binary.LittleEndian}
	if data[5] == 2 {
		f.order = binary.BigEndian
	}
	if data[4] < 1 || data[4] > 2 || data[5] < 1 || data[5] > 2 {
		return nil, invalid("ELF file of unknown class %d, byte order %d", data[4], data[5])
	}
	if len(data) < f.pick(52, 64) {
		return nil, invalid("truncated within the ELF header (%d bytes)", len(data))
	}
	f.machine = f.order.Uint16(data[18:])
	if typ := f.order.Uint16(data[16:]); typ != etRel {
		return nil, invalid("ELF %s for %s, not a relocatable object", elfTypeName(typ), MachineName(f.machine))
	}
	if err := f.readSections(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *elfFile) pick(n32, n64 int) int {
	if f.is64 {
		return n64
	}
	return n32
}

// word reads an address-sized field.
func (f *elfFile) word(p []byte) uint64 {
	if f.is64 {
		return f.order.Uint64(p)
	}
	return uint64(f.order.Uint32(p))
}

func (f *elfFile) readSections() error {
	h := f.data
	shoff := f.word(h[f.pick(32, 40):])
	tail := h[f.pick(46, 58):]
	entsize, count, strndx := uint64(f.order.Uint16(tail)), uint64(f.order.Uint16(tail[2:])), uint64(f.order.Uint16(tail[4:]))
	if shoff == 0 {
		return invalid("ELF object without sections")
	}
	if entsize != uint64(f.pick(40, 64)) {
		return invalid("ELF object with section headers of %d bytes", entsize)
	}
	size := uint64(len(h))
	if shoff > size || size-shoff < entsize {
		return invalid("truncated: the section headers at byte %d lie beyond its end (%d bytes)", shoff, size)
	}
	first := f.header(h[shoff:])
	if count == 0 { // more than fit into 16 bits: section 0 has the numbers
		count = first.size
	}
	if strndx == shnXindex {
		strndx = uint64(first.link)
	}
	if count > maxSection || (size-shoff)/entsize < count {
		return invalid("truncated: %d section headers at byte %d reach beyond its end (%d bytes)", count, shoff, size)
	}
	if strndx >= count {
		return invalid("ELF object without section names")
	}
	heads := make([]elfHeader, count)
	for i := range heads {
		heads[i] = f.header(h[shoff+uint64(i)*entsize:])
	}
	names, err := f.contents(heads[strndx], "section names")
	if err != nil {
		return err
	}
	f.sections = make([]elfSection, count)
	for i, sh := range heads {
		name := string(cstring(names, uint64(sh.name)))
		s := elfSection{name: name, typ: sh.typ, link: sh.link, off: sh.off}
		if i > 0 && sh.typ != shtNobits {
			if s.data, err = f.contents(sh, "section "+name); err != nil {
				return err
			}
		}
		f.sections[i] = s
	}
	return nil
}

type elfHeader struct {
	name, typ, link uint32
	off, size       uint64
}

func (f *elfFile) header(p []byte) elfHeader {
	return elfHeader{
		name: f.order.Uint32(p), typ: f.order.Uint32(p[4:]),
		off: f.word(p[f.pick(16, 24):]), size: f.word(p[f.pick(20, 32):]),
		link: f.order.Uint32(p[f.pick(24, 40):]),
	}
}

func (f *elfFile) contents(sh elfHeader, what string) ([]byte, error) {
	size := uint64(len(f.data))
	if sh.off > size || sh.size > size-sh.off {
		return nil, invalid("truncated: %s at byte %d, %d bytes long, reaches beyond its end (%d bytes)", what, sh.off, sh.size, size)
	}
	return f.data[sh.off : sh.off+sh.size : sh.off+sh.size], nil
}

func (f *elfFile) section(name string) []byte {
	for i := range f.sections {
		if f.sections[i].name == name {
			return f.sections[i].data
		}
	}
	return nil
}

// symbols calls fn for every named symbol, in table order.
func (f *elfFile) symbols(fn func(elfSymbol)) error {
	for _, s := range f.sections {
		if s.typ != shtSymtab {
			continue
		}
		if uint64(s.link) >= uint64(len(f.sections)) {
			return invalid("symbol table without names")
		}
		names := f.sections[s.link].data
		size := f.pick(16, 24)
		for p := s.data; len(p) >= size; p = p[size:] {
			name := cstring(names, uint64(f.order.Uint32(p)))
			if len(name) == 0 {
				continue
			}
			sym := elfSymbol{name: name}
			if f.is64 {
				sym.bind, sym.shndx, sym.value = p[4]>>4, f.order.Uint16(p[6:]), f.order.Uint64(p[8:])
			} else {
				sym.bind, sym.shndx, sym.value = p[12]>>4, f.order.Uint16(p[14:]), uint64(f.order.Uint32(p[4:]))
			}
			fn(sym)
		}
		return nil // an object has one symbol table
	}
	return nil
}

// sectionOf is the section a symbol lies in, or nil for special indexes.
func (f *elfFile) sectionOf(s elfSymbol) *elfSection {
	if s.shndx == shnUndef || int(s.shndx) >= len(f.sections) {
		return nil
	}
	return &f.sections[s.shndx]
}

// cstring is the zero-ended string at off; what lies outside is empty.
func cstring(table []byte, off uint64) []byte {
	if off >= uint64(len(table)) {
		return nil
	}
	s := table[off:]
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return nil
}

// describe says what a file that is not ELF seems to be.
func describe(data []byte) string {
	text := len(data) > 0
	for _, c := range data[:min(len(data), 512)] {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
			text = false
		}
	}
	zero := len(bytes.Trim(data[:min(len(data), 4096)], "\x00")) == 0
	switch {
	case bytes.HasPrefix(data, []byte("#!")):
		line, _, _ := bytes.Cut(data[:min(len(data), 80)], []byte("\n"))
		return fmt.Sprintf("script (%s)", line)
	case bytes.HasPrefix(data, []byte("!<arch>")):
		return "ar archive"
	case bytes.HasPrefix(data, []byte("\x7fELF")):
		return fmt.Sprintf("truncated within the ELF header (%d bytes)", len(data))
	case text:
		return "text, not ELF"
	case zero:
		return fmt.Sprintf("zero bytes, not ELF (%d bytes)", len(data))
	}
	return fmt.Sprintf("data that is not ELF (begins %x)", data[:min(len(data), 8)])
}

func elfTypeName(t uint16) string {
	switch t {
	case 0:
		return "file of no type"
	case 2, 3:
		return "program or shared library"
	case 4:
		return "core dump"
	}
	return fmt.Sprintf("file of type %d", t)
}

// MachineName is the name that the kernel's uname uses for an ELF machine number.
func MachineName(machine uint16) string {
	switch machine {
	case 3:
		return "i386"
	case 8:
		return "mips"
	case 20:
		return "ppc"
	case 21:
		return "ppc64"
	case 22:
		return "s390x"
	case 40:
		return "arm"
	case 62:
		return "x86_64"
	case 183:
		return "aarch64"
	case 243:
		return "riscv"
	case 258:
		return "loongarch64"
	}
	return fmt.Sprintf("ELF machine %d", machine)
}
