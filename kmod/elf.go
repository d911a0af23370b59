// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
)

// elfFile is a relocatable ELF object as far as a module needs it. It is our
// own rather than debug/elf because depmod reads thousands of symbol tables:
// this one allocates nothing for a symbol that nobody asks about, and it can
// say which section lies beyond the end of a truncated file. It reads no more
// than the headers and the sections that are asked for: a tenth of a real module.
type elfFile struct {
	src      elfSource
	order    binary.ByteOrder
	is64     bool
	machine  uint16
	sections []elfSection
	err      error // the first that reading a section gave
}

// elfSource is where an object's bytes come from. at returns bytes that the
// caller keeps; what it asks for lies inside of size.
type elfSource interface {
	size() uint64
	at(off, n uint64) ([]byte, error)
}

// elfBytes is an object in memory.
type elfBytes []byte

func (b elfBytes) size() uint64 { return uint64(len(b)) }

func (b elfBytes) at(off, n uint64) ([]byte, error) { return b[off : off+n : off+n], nil }

type elfSection struct {
	name   string
	typ    uint32
	link   uint32
	off    uint64
	length uint64 // 0 for sections without bytes in the file
	data   []byte // once read
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
func parseELF(data []byte) (*elfFile, error) { return readELF(elfBytes(data)) }

func readELF(src elfSource) (*elfFile, error) {
	size := src.size()
	if size == 0 {
		return nil, invalid("empty file")
	}
	head, err := src.at(0, min(size, 64))
	if err != nil {
		return nil, err
	}
	if len(head) < 16 || string(head[:4]) != "\x7fELF" {
		start, err := src.at(0, min(size, 4096))
		if err != nil {
			return nil, err
		}
		return nil, invalid("%s", describe(start, size))
	}
	f := &elfFile{src: src, is64: head[4] == 2, order: binary.LittleEndian}
	if head[5] == 2 {
		f.order = binary.BigEndian
	}
	if head[4] < 1 || head[4] > 2 || head[5] < 1 || head[5] > 2 {
		return nil, invalid("ELF file of unknown class %d, byte order %d", head[4], head[5])
	}
	if len(head) < f.pick(52, 64) {
		return nil, invalid("truncated within the ELF header (%d bytes)", size)
	}
	f.machine = f.order.Uint16(head[18:])
	if typ := f.order.Uint16(head[16:]); typ != etRel {
		return nil, invalid("ELF %s for %s, not a relocatable object", elfTypeName(typ), MachineName(f.machine))
	}
	if err := f.readSections(head); err != nil {
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

func (f *elfFile) readSections(head []byte) error {
	shoff := f.word(head[f.pick(32, 40):])
	tail := head[f.pick(46, 58):]
	entsize, count, strndx := uint64(f.order.Uint16(tail)), uint64(f.order.Uint16(tail[2:])), uint64(f.order.Uint16(tail[4:]))
	if shoff == 0 {
		return invalid("ELF object without sections")
	}
	if entsize != uint64(f.pick(40, 64)) {
		return invalid("ELF object with section headers of %d bytes", entsize)
	}
	size := f.src.size()
	if shoff > size || size-shoff < entsize {
		return invalid("truncated: the section headers at byte %d lie beyond its end (%d bytes)", shoff, size)
	}
	// More sections than fit into 16 bits: section 0 has the numbers.
	if count == 0 || strndx == shnXindex {
		p, err := f.src.at(shoff, entsize)
		if err != nil {
			return err
		}
		first := f.header(p)
		if count == 0 {
			count = first.size
		}
		if strndx == shnXindex {
			strndx = uint64(first.link)
		}
	}
	if count > maxSection || (size-shoff)/entsize < count {
		return invalid("truncated: %d section headers at byte %d reach beyond its end (%d bytes)", count, shoff, size)
	}
	if strndx >= count {
		return invalid("ELF object without section names")
	}
	table, err := f.src.at(shoff, count*entsize)
	if err != nil {
		return err
	}
	return f.nameSections(table, entsize, strndx)
}

// nameSections reads the table of section headers, and the names.
func (f *elfFile) nameSections(table []byte, entsize, strndx uint64) error {
	f.sections = make([]elfSection, uint64(len(table))/entsize)
	nameAt := make([]uint32, len(f.sections))
	for i := range f.sections {
		h := f.header(table[uint64(i)*entsize:])
		nameAt[i] = h.name
		f.sections[i] = elfSection{typ: h.typ, link: h.link, off: h.off, length: h.size}
	}
	if err := f.inside(&f.sections[strndx], "section names"); err != nil {
		return err
	}
	// Read apart: where the section's type says that it has no bytes, data() has none.
	names, err := f.src.at(f.sections[strndx].off, f.sections[strndx].length)
	if err != nil {
		return err
	}
	blob := string(names)
	for i := range f.sections {
		s := &f.sections[i]
		s.name = cstringOf(blob, uint64(nameAt[i]))
		if i == 0 || s.typ == shtNobits {
			s.length = 0
			continue
		}
		if err := f.inside(s, "section "+s.name); err != nil {
			return err
		}
	}
	return nil
}

func (f *elfFile) inside(s *elfSection, what string) error {
	if size := f.src.size(); s.off > size || s.length > size-s.off {
		return invalid("truncated: %s at byte %d, %d bytes long, reaches beyond its end (%d bytes)", what, s.off, s.length, size)
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

// bytes reads a section, once. Where that fails it is empty, and f.err says why.
func (f *elfFile) bytes(s *elfSection) []byte {
	if s.data == nil && s.length > 0 && f.err == nil {
		s.data, f.err = f.src.at(s.off, s.length)
	}
	return s.data
}

// find returns the first section of that name, or nil.
func (f *elfFile) find(name string) *elfSection {
	for i := range f.sections {
		if f.sections[i].name == name {
			return &f.sections[i]
		}
	}
	return nil
}

// section is the contents of the first section of that name.
func (f *elfFile) section(name string) []byte {
	if s := f.find(name); s != nil {
		return f.bytes(s)
	}
	return nil
}

// symbols calls fn for every named symbol, in table order.
func (f *elfFile) symbols(fn func(elfSymbol)) error {
	for i := range f.sections {
		s := &f.sections[i]
		if s.typ != shtSymtab {
			continue
		}
		if uint64(s.link) >= uint64(len(f.sections)) {
			return invalid("symbol table without names")
		}
		f.eachSymbol(f.bytes(s), f.bytes(&f.sections[s.link]), fn)
		return f.err // an object has one symbol table
	}
	return nil
}

func (f *elfFile) eachSymbol(table, names []byte, fn func(elfSymbol)) {
	size := f.pick(16, 24)
	for p := table; len(p) >= size; p = p[size:] {
		sym := elfSymbol{name: cstring(names, uint64(f.order.Uint32(p)))}
		if len(sym.name) == 0 {
			continue
		}
		if f.is64 {
			sym.bind, sym.shndx, sym.value = p[4]>>4, f.order.Uint16(p[6:]), f.order.Uint64(p[8:])
		} else {
			sym.bind, sym.shndx, sym.value = p[12]>>4, f.order.Uint16(p[14:]), uint64(f.order.Uint32(p[4:]))
		}
		fn(sym)
	}
}

// ksymtabNames yields the strings of __ksymtab_strings: what a module exports
// without symbol versions, some of them empty.
func (f *elfFile) ksymtabNames() iter.Seq[[]byte] {
	return bytes.SplitSeq(f.section("__ksymtab_strings"), []byte{0})
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

// cstringOf is cstring for a string.
func cstringOf(table string, off uint64) string {
	if off >= uint64(len(table)) {
		return ""
	}
	s, _, ok := strings.Cut(table[off:], "\x00")
	if !ok {
		return ""
	}
	return s
}

// describe says what a file of size bytes that is not ELF seems to be, by its start.
func describe(data []byte, size uint64) string {
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
		return fmt.Sprintf("truncated within the ELF header (%d bytes)", size)
	case text:
		return "text, not ELF"
	case zero:
		return fmt.Sprintf("zero bytes, not ELF (%d bytes)", size)
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
