// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Arch is what machine code is for.
type Arch struct {
	Bits      int // 32 or 64
	Machine   elf.Machine
	BigEndian bool
}

// The architectures that the guest runs.
var (
	AMD64 = Arch{Bits: 64, Machine: elf.EM_X86_64}
	I386  = Arch{Bits: 32, Machine: elf.EM_386}
)

// String is the name of an architecture as uname has it, if it has one.
func (a Arch) String() string {
	switch a {
	case AMD64:
		return "x86-64"
	case Arch{Bits: 32, Machine: elf.EM_X86_64}:
		return "x32"
	}
	name, known := strings.CutPrefix(a.Machine.String(), "EM_")
	if !known || strings.Contains(name, "+") { // ALPHA+1 is what debug/elf makes of 36903
		return fmt.Sprintf("an unknown machine (%d)", int(a.Machine))
	}
	name = strings.ToLower(name)
	switch a.Machine {
	case elf.EM_386:
		return "i386"
	case elf.EM_RISCV, elf.EM_LOONGARCH:
		name = fmt.Sprint(name, a.Bits)
	}
	if a.BigEndian && slices.Contains([]elf.Machine{elf.EM_AARCH64, elf.EM_ARM, elf.EM_386, elf.EM_X86_64}, a.Machine) {
		name = "big-endian " + name
	}
	return name
}

// file is an ELF file as the kernel and a dynamic linker see it. It is our own rather than debug/elf, which wants
// sections, and an executable needs none; which reads whole string tables; and which does not follow addresses.
type file struct {
	src      io.ReaderAt
	size     uint64
	order    binary.ByteOrder
	arch     Arch
	typ      elf.Type
	entry    uint64
	segments []elf.ProgHeader

	phoff, phnum, phentsize uint64
}

// at reads a part of the file.
func (f *file) at(off, n uint64, what string) ([]byte, error) {
	if off > f.size || n > f.size-off {
		return nil, damaged("%s at byte %d, %d bytes long, lies beyond its end (%d bytes)", what, off, n, f.size)
	}
	data := make([]byte, n)
	got, err := f.src.ReadAt(data, int64(off))
	switch {
	case uint64(got) == n:
		return data, nil
	case errors.Is(err, io.EOF):
		return nil, damaged("it became shorter while it was read")
	}
	return nil, fmt.Errorf("read %s at byte %d: %w", what, off, err)
}

func (f *file) pick(n32, n64 int) int {
	if f.arch.Bits == 64 {
		return n64
	}
	return n32
}

// word reads a field of the size of an address.
func (f *file) word(p []byte) uint64 {
	if f.arch.Bits == 64 {
		return f.order.Uint64(p)
	}
	return uint64(f.order.Uint32(p))
}

// readHeader reads an ELF header, and nothing of what it leads to.
func readHeader(src io.ReaderAt, size int64) (*file, error) {
	f := &file{src: src, size: uint64(max(size, 0)), order: binary.LittleEndian, arch: Arch{Bits: 32}}
	ident, err := f.at(0, elf.EI_NIDENT, "the ELF header")
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(ident, []byte(elf.ELFMAG)) {
		return nil, damaged("it does not begin with 7f 45 4c 46")
	}
	class, order := elf.Class(ident[elf.EI_CLASS]), elf.Data(ident[elf.EI_DATA])
	if class == elf.ELFCLASS64 {
		f.arch.Bits = 64
	}
	if order == elf.ELFDATA2MSB {
		f.order, f.arch.BigEndian = binary.BigEndian, true
	}
	if class != elf.ELFCLASS32 && class != elf.ELFCLASS64 || order != elf.ELFDATA2LSB && order != elf.ELFDATA2MSB {
		return nil, damaged("its class is %d and its byte order %d", class, order)
	}
	head, err := f.at(0, uint64(f.pick(52, 64)), "the ELF header")
	if err != nil {
		return nil, err
	}
	f.typ = elf.Type(f.order.Uint16(head[16:]))
	f.arch.Machine = elf.Machine(f.order.Uint16(head[18:]))
	f.entry = f.word(head[24:])
	f.phoff = f.word(head[f.pick(28, 32):])
	f.phentsize = uint64(f.order.Uint16(head[f.pick(42, 54):]))
	f.phnum = uint64(f.order.Uint16(head[f.pick(44, 56):]))
	return f, nil
}

// maxSegments is the kernel's bound on the program headers, in bytes.
const maxSegments = 65536

// readSegments reads the program headers, and wants of them what the kernel wants.
func (f *file) readSegments() error {
	size := f.phentsize
	switch {
	case f.phnum == 0:
		return damaged("it has no program headers")
	case size != uint64(f.pick(32, 56)):
		return damaged("its program headers have %d bytes each", size)
	case f.phnum*size > maxSegments:
		return damaged("it has %d program headers, more than the kernel reads", f.phnum)
	}
	table, err := f.at(f.phoff, f.phnum*size, "the program headers")
	if err != nil {
		return err
	}
	loaded := false
	for p := range slices.Chunk(table, int(size)) {
		s := f.segment(p)
		f.segments = append(f.segments, s)
		if s.Type != elf.PT_LOAD {
			continue
		}
		loaded = true
		switch {
		case s.Filesz > s.Memsz || s.Vaddr+s.Memsz < s.Vaddr:
			return damaged("a segment at address %#x has %d bytes in the file, %d in memory", s.Vaddr, s.Filesz, s.Memsz)
		case s.Filesz > 0 && (s.Off > f.size || s.Filesz > f.size-s.Off):
			return damaged("it is cut off: a segment at byte %d, %d bytes long, reaches beyond its end (%d bytes)",
				s.Off, s.Filesz, f.size)
		}
	}
	if !loaded {
		return damaged("it has no segment to load")
	}
	return nil
}

func (f *file) segment(p []byte) elf.ProgHeader {
	s := elf.ProgHeader{Type: elf.ProgType(f.order.Uint32(p))}
	if f.arch.Bits == 64 {
		s.Flags = elf.ProgFlag(f.order.Uint32(p[4:]))
		s.Off, s.Vaddr = f.order.Uint64(p[8:]), f.order.Uint64(p[16:])
		s.Filesz, s.Memsz = f.order.Uint64(p[32:]), f.order.Uint64(p[40:])
		return s
	}
	s.Off, s.Vaddr = uint64(f.order.Uint32(p[4:])), uint64(f.order.Uint32(p[8:]))
	s.Filesz, s.Memsz = uint64(f.order.Uint32(p[16:])), uint64(f.order.Uint32(p[20:]))
	s.Flags = elf.ProgFlag(f.order.Uint32(p[24:]))
	return s
}

// mapped returns where in the file an address is, and how many bytes follow it there.
func (f *file) mapped(addr uint64, what string) (off, left uint64, err error) {
	for _, s := range f.segments {
		if s.Type == elf.PT_LOAD && addr >= s.Vaddr && addr-s.Vaddr < s.Filesz {
			return s.Off + (addr - s.Vaddr), s.Filesz - (addr - s.Vaddr), nil
		}
	}
	return 0, 0, damaged("%s at address %#x lies in no segment", what, addr)
}

// memory reads what lies at an address.
func (f *file) memory(addr, n uint64, what string) ([]byte, error) {
	off, left, err := f.mapped(addr, what)
	if err != nil {
		return nil, err
	}
	if n > left {
		return nil, damaged("%s at address %#x reaches beyond its segment", what, addr)
	}
	return f.at(off, n, what)
}

// maxPath is the longest path of the kernel, with its zero.
const maxPath = 4096

// interp returns the path of the dynamic linker. has is false if the file asks for none.
func (f *file) interp() (path string, has bool, err error) {
	for _, s := range f.segments {
		if s.Type != elf.PT_INTERP {
			continue
		}
		if s.Filesz < 2 || s.Filesz > maxPath {
			return "", true, damaged("the path of its dynamic linker has %d bytes", s.Filesz)
		}
		p, err := f.at(s.Off, s.Filesz, "the path of its dynamic linker")
		if err != nil {
			return "", true, err
		}
		if p[len(p)-1] != 0 || p[0] == 0 {
			return "", true, damaged("the path of its dynamic linker does not end, or is empty")
		}
		return cString(p), true, nil
	}
	return "", false, nil
}
