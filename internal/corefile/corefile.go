// SPDX-License-Identifier: MIT

// Package corefile makes of the core that QEMU writes one that debuggers of kernels read: with the kernel's own note
// VMCOREINFO, and the addresses at which it maps its memory. The guest wrote the note, and is not trusted.
package corefile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Where an x86-64 kernel that was started without KASLR has its image, and all memory.
const (
	imageBase  = 0xffffffff80000000
	directBase = 0xffff888000000000
	imageSize  = 512 << 20 // at most
)

const (
	maxHeader = 1 << 20 // of the program headers
	maxNotes  = 1 << 20 // that QEMU writes: registers
	maxInfo   = 8192    // of VMCOREINFO: two pages
	noteName  = "VMCOREINFO\x00"

	headerSize  = 64
	programSize = 56
	pageSize    = 4096
)

// Core is a core that can be written with one more note.
type Core struct {
	r       io.ReaderAt
	size    int64
	program []elf.ProgHeader
}

// Open reads the headers of a core.
func Open(r io.ReaderAt, size int64) (*Core, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read core: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.ByteOrder != binary.LittleEndian || f.Type != elf.ET_CORE ||
		len(f.Progs)*programSize > maxHeader {
		return nil, errors.New("read core: it is not QEMU's of an x86-64")
	}
	c := &Core{r: r, size: size}
	for _, p := range f.Progs {
		c.program = append(c.program, p.ProgHeader)
	}
	return c, nil
}

// Info finds the kernel's note. pointer is the address of the kernel's variable vmcoreinfo_note.
func (c *Core) Info(pointer uint64) ([]byte, error) {
	if pointer < imageBase {
		return nil, errors.New("find VMCOREINFO: the kernel has no vmcoreinfo_note")
	}
	var word [8]byte
	if err := c.physical(word[:], pointer-imageBase); err != nil {
		return nil, fmt.Errorf("find VMCOREINFO: %w", err)
	}
	at := binary.LittleEndian.Uint64(word[:])
	if at < directBase {
		return nil, fmt.Errorf("find VMCOREINFO: it is said to be at %#x", at)
	}
	note := make([]byte, maxInfo)
	head := note[:12+12]
	if err := c.physical(head, at-directBase); err != nil {
		return nil, fmt.Errorf("find VMCOREINFO: %w", err)
	}
	name, size := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	whole := uint64(len(head)) + (uint64(size)+3)&^3
	if int(name) != len(noteName) || !bytes.HasPrefix(head[12:], []byte(noteName)) || whole > maxInfo {
		return nil, errors.New("find VMCOREINFO: what is there is no such note")
	}
	note = note[:whole]
	if err := c.physical(note, at-directBase); err != nil {
		return nil, fmt.Errorf("find VMCOREINFO: %w", err)
	}
	return note, nil
}

// physical reads the guest's memory.
func (c *Core) physical(to []byte, at uint64) error {
	for _, p := range c.program {
		if p.Type == elf.PT_LOAD && at >= p.Paddr && at-p.Paddr < p.Filesz && uint64(len(to)) <= p.Filesz-(at-p.Paddr) {
			_, err := c.r.ReadAt(to, int64(p.Off+at-p.Paddr))
			return err
		}
	}
	return fmt.Errorf("the core has no memory at %#x", at)
}

// WriteTo writes the core as a kernel's own crash dump is laid out: headers, notes, memory. A note that is not nil
// comes after QEMU's. QEMU knows physical addresses only; here each piece of memory also says where the kernel maps it,
// and the kernel's image is a piece of its own.
func (c *Core) WriteTo(w io.Writer, note []byte) error {
	var header elf.Header64
	if err := binary.Read(io.NewSectionReader(c.r, 0, headerSize), binary.LittleEndian, &header); err != nil {
		return err
	}
	notes, err := c.notes()
	if err != nil {
		return err
	}
	notes = append(notes, note...)
	programs, first := c.programs()
	if first > uint64(c.size) {
		return errors.New("read core: its memory is out of bounds")
	}
	begin := uint64(headerSize + len(programs)*programSize)
	programs[0].Off, programs[0].Filesz, programs[0].Memsz = begin, uint64(len(notes)), uint64(len(notes))
	memory := (begin + uint64(len(notes)) + pageSize - 1) / pageSize * pageSize
	for i := range programs[1:] {
		programs[1+i].Off += memory - first // modulo 2^64
	}
	header.Phoff, header.Phnum, header.Shoff, header.Shnum, header.Shstrndx = headerSize, uint16(len(programs)), 0, 0, 0
	var head bytes.Buffer
	binary.Write(&head, binary.LittleEndian, header)
	binary.Write(&head, binary.LittleEndian, programs)
	head.Write(notes)
	head.Write(make([]byte, memory-uint64(head.Len())))
	if _, err := head.WriteTo(w); err != nil {
		return err
	}
	_, err = io.Copy(w, io.NewSectionReader(c.r, int64(first), c.size-int64(first)))
	return err
}

// notes are QEMU's.
func (c *Core) notes() ([]byte, error) {
	for _, p := range c.program {
		if p.Type != elf.PT_NOTE {
			continue
		}
		if p.Filesz > maxNotes {
			return nil, errors.New("read core: its notes are out of bounds")
		}
		notes := make([]byte, p.Filesz)
		if _, err := c.r.ReadAt(notes, int64(p.Off)); err != nil {
			return nil, fmt.Errorf("read core: %w", err)
		}
		return notes, nil
	}
	return nil, errors.New("read core: it has no notes")
}

// programs are the new headers: the notes, the kernel's image, the memory; and where the first memory is in the old
// file.
func (c *Core) programs() (list []elf.Prog64, first uint64) {
	first = uint64(c.size)
	list = append(list, elf.Prog64{Type: uint32(elf.PT_NOTE)})
	for _, p := range c.program {
		if p.Type != elf.PT_LOAD {
			continue
		}
		first = min(first, p.Off)
		piece := elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X),
			Off: p.Off, Vaddr: directBase + p.Paddr, Paddr: p.Paddr, Filesz: p.Filesz, Memsz: p.Memsz,
		}
		if p.Paddr == 0 {
			image := piece
			image.Vaddr = imageBase
			image.Filesz, image.Memsz = min(p.Filesz, imageSize), min(p.Memsz, imageSize)
			list = append(list, image)
		}
		list = append(list, piece)
	}
	return list, first
}
