// SPDX-License-Identifier: MIT

package ko

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
)

// File is a relocatable ELF object, as far as a module needs it. It is our own
// rather than debug/elf because depmod reads thousands of symbol tables: this one
// allocates nothing for a symbol that nobody asks about, and it can say which section
// lies beyond the end of a truncated file. It reads only the headers and the sections
// that are asked for, about a tenth of a real module.
type File struct {
	Machine  uint16
	Sections []Section
	Err      error // the first error of reading a section's bytes

	src   Source
	order binary.ByteOrder
	is64  bool
}

// Source provides an object's bytes. The caller of At keeps what it returns, and asks
// only for what lies inside Size.
type Source interface {
	Size() uint64
	At(off, n uint64) ([]byte, error)
}

// Bytes is an object in memory.
type Bytes []byte

// Size is the object's length.
func (b Bytes) Size() uint64 { return uint64(len(b)) }

// At returns a part of the object, not copied.
func (b Bytes) At(off, n uint64) ([]byte, error) { return b[off : off+n : off+n], nil }

// Section is one section of an object.
type Section struct {
	Name   string
	typ    uint32
	link   uint32
	off    uint64
	length uint64 // 0 for sections without bytes in the file
	data   []byte // once read
}

// Symbol is a named symbol. Name is part of the file's bytes.
type Symbol struct {
	Name  []byte
	Value uint64
	shndx uint16
	bind  byte
}

// Undefined reports whether the object needs the symbol from elsewhere.
func (s Symbol) Undefined() bool { return s.shndx == shnUndef }

// Weak reports whether the symbol may be missing.
func (s Symbol) Weak() bool { return s.bind == stbWeak }

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

// Parse reads the headers of an object in memory.
func Parse(data []byte) (*File, error) { return Read(Bytes(data)) }

// Read reads an object's headers. It checks every offset against the object's size;
// an error about the contents is a *FormatError.
func Read(src Source) (*File, error) {
	size := src.Size()
	if size == 0 {
		return nil, Invalid("empty file")
	}
	head, err := src.At(0, min(size, 64))
	if err != nil {
		return nil, err
	}
	if len(head) < 16 || string(head[:4]) != "\x7fELF" {
		start, err := src.At(0, min(size, 4096))
		if err != nil {
			return nil, err
		}
		return nil, Invalid("%s", describe(start, size))
	}
	f := &File{src: src, is64: head[4] == 2, order: binary.LittleEndian}
	if head[5] == 2 {
		f.order = binary.BigEndian
	}
	if head[4] < 1 || head[4] > 2 || head[5] < 1 || head[5] > 2 {
		return nil, Invalid("ELF file of unknown class %d, byte order %d", head[4], head[5])
	}
	if len(head) < f.pick(52, 64) {
		return nil, Invalid("truncated within the ELF header (%d bytes)", size)
	}
	f.Machine = f.order.Uint16(head[18:])
	if typ := f.order.Uint16(head[16:]); typ != etRel {
		return nil, Invalid("ELF %s for %s, not a relocatable object", elfTypeName(typ), MachineName(f.Machine))
	}
	if err := f.readSections(head); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) pick(n32, n64 int) int {
	if f.is64 {
		return n64
	}
	return n32
}

// word reads an address-sized field.
func (f *File) word(p []byte) uint64 {
	if f.is64 {
		return f.order.Uint64(p)
	}
	return uint64(f.order.Uint32(p))
}

func (f *File) readSections(head []byte) error {
	shoff := f.word(head[f.pick(32, 40):])
	tail := head[f.pick(46, 58):]
	entsize, count := uint64(f.order.Uint16(tail)), uint64(f.order.Uint16(tail[2:]))
	strndx := uint64(f.order.Uint16(tail[4:]))
	if shoff == 0 {
		return Invalid("ELF object without sections")
	}
	if entsize != uint64(f.pick(40, 64)) {
		return Invalid("ELF object with section headers of %d bytes", entsize)
	}
	size := f.src.Size()
	if shoff > size || size-shoff < entsize {
		return Invalid("truncated: the section headers at byte %d lie beyond its end (%d bytes)", shoff, size)
	}
	// With more sections than fit into 16 bits, section 0 holds the numbers.
	if count == 0 || strndx == shnXindex {
		p, err := f.src.At(shoff, entsize)
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
		return Invalid("truncated: %d section headers at byte %d reach beyond its end (%d bytes)", count, shoff, size)
	}
	if strndx >= count {
		return Invalid("ELF object without section names")
	}
	table, err := f.src.At(shoff, count*entsize)
	if err != nil {
		return err
	}
	return f.nameSections(table, entsize, strndx)
}

// nameSections reads the table of section headers, and the names.
func (f *File) nameSections(table []byte, entsize, strndx uint64) error {
	f.Sections = make([]Section, uint64(len(table))/entsize)
	nameAt := make([]uint32, len(f.Sections))
	for i := range f.Sections {
		h := f.header(table[uint64(i)*entsize:])
		nameAt[i] = h.name
		f.Sections[i] = Section{typ: h.typ, link: h.link, off: h.off, length: h.size}
	}
	if err := f.inside(&f.Sections[strndx], "section names"); err != nil {
		return err
	}
	// Not by Bytes, which has nothing for a section whose type says so.
	names, err := f.src.At(f.Sections[strndx].off, f.Sections[strndx].length)
	if err != nil {
		return err
	}
	blob := string(names)
	for i := range f.Sections {
		s := &f.Sections[i]
		s.Name = cstringOf(blob, uint64(nameAt[i]))
		if i == 0 || s.typ == shtNobits {
			s.length = 0
			continue
		}
		if err := f.inside(s, "section "+s.Name); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) inside(s *Section, what string) error {
	if size := f.src.Size(); s.off > size || s.length > size-s.off {
		return Invalid("truncated: %s at byte %d, %d bytes long, reaches beyond its end (%d bytes)",
			what, s.off, s.length, size)
	}
	return nil
}

type sectionHeader struct {
	name, typ, link uint32
	off, size       uint64
}

func (f *File) header(p []byte) sectionHeader {
	return sectionHeader{
		name: f.order.Uint32(p), typ: f.order.Uint32(p[4:]),
		off: f.word(p[f.pick(16, 24):]), size: f.word(p[f.pick(20, 32):]),
		link: f.order.Uint32(p[f.pick(24, 40):]),
	}
}

// Bytes reads a section, once. If that fails the result is empty and Err says why.
func (f *File) Bytes(s *Section) []byte {
	if s.data == nil && s.length > 0 && f.Err == nil {
		s.data, f.Err = f.src.At(s.off, s.length)
	}
	return s.data
}

// Find returns the first section of that name, or nil.
func (f *File) Find(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// Section returns the contents of the first section of that name.
func (f *File) Section(name string) []byte {
	if s := f.Find(name); s != nil {
		return f.Bytes(s)
	}
	return nil
}

// Symbols calls fn for every named symbol, in table order.
func (f *File) Symbols(fn func(Symbol)) error {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.typ != shtSymtab {
			continue
		}
		if uint64(s.link) >= uint64(len(f.Sections)) {
			return Invalid("symbol table without names")
		}
		f.eachSymbol(f.Bytes(s), f.Bytes(&f.Sections[s.link]), fn)
		return f.Err // an object has one symbol table
	}
	return nil
}

func (f *File) eachSymbol(table, names []byte, fn func(Symbol)) {
	size := f.pick(16, 24)
	for p := table; len(p) >= size; p = p[size:] {
		sym := Symbol{Name: cstring(names, uint64(f.order.Uint32(p)))}
		if len(sym.Name) == 0 {
			continue
		}
		if f.is64 {
			sym.bind, sym.shndx, sym.Value = p[4]>>4, f.order.Uint16(p[6:]), f.order.Uint64(p[8:])
		} else {
			sym.bind, sym.shndx, sym.Value = p[12]>>4, f.order.Uint16(p[14:]), uint64(f.order.Uint32(p[4:]))
		}
		fn(sym)
	}
}

// KsymtabNames yields the strings of __ksymtab_strings, some of them empty: the
// exports of a module without symbol versions.
func (f *File) KsymtabNames() iter.Seq[[]byte] {
	return bytes.SplitSeq(f.Section("__ksymtab_strings"), []byte{0})
}

// SectionOf returns the section that a symbol lies in, or nil for special indexes.
func (f *File) SectionOf(s Symbol) *Section {
	if s.shndx == shnUndef || int(s.shndx) >= len(f.Sections) {
		return nil
	}
	return &f.Sections[s.shndx]
}

// cstring is the zero-terminated string at off, empty if that lies outside.
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

// describe says what a file of size bytes that is not ELF looks like, judged by its start.
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
		return fmt.Sprintf("all zeros, not ELF (%d bytes)", size)
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

// CRC reads the version of an exported symbol from its __crc_ symbol: the symbol's own
// value, or since Linux 5.19 (and before, with relative CRCs) the four bytes in the
// section that it points to.
func (f *File) CRC(s Symbol) (uint32, bool) {
	if s.shndx == shnAbs {
		return uint32(s.Value), true
	}
	sec := f.SectionOf(s)
	if sec == nil || sec.length < 4 || s.Value > sec.length-4 {
		return 0, false
	}
	data := f.Bytes(sec)
	if data == nil {
		return 0, false
	}
	return f.order.Uint32(data[s.Value:]), true
}

// StringAt is the string that a symbol points to; empty if there is none.
func (f *File) StringAt(s Symbol) string {
	sec := f.SectionOf(s)
	if sec == nil {
		return ""
	}
	return string(cstring(f.Bytes(sec), s.Value))
}

// Versions yields the name and the expected CRC of each entry of __versions: records
// of 64 bytes, an address-sized CRC and a name.
func (f *File) Versions() iter.Seq2[[]byte, uint64] {
	const record = 64
	return func(yield func([]byte, uint64) bool) {
		crcSize := f.pick(4, 8)
		for p := f.Section("__versions"); len(p) >= record; p = p[record:] {
			if !yield(cstring(p[crcSize:record], 0), f.word(p)) {
				return
			}
		}
	}
}

// MachineName is the name that uname uses for an ELF machine number.
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
