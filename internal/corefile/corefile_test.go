// SPDX-License-Identifier: MIT

package corefile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// The test's guest has little memory: the variable vmcoreinfo_note, and the note that it points to.
const (
	memorySize = 0x400
	variable   = 0x100
	noteAt     = 0x200
)

var info = note(noteName, "OSRELEASE=6.1.0\n")

func note(name, text string) []byte {
	var b []byte
	for _, n := range []int{len(name), len(text), 0} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	b = append(b, name...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = append(b, text...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func guest() []byte {
	m := make([]byte, memorySize)
	binary.LittleEndian.PutUint64(m[variable:], directBase+noteAt)
	copy(m[noteAt:], info)
	copy(m[0x300:], "the guest's memory")
	return m
}

// fromQEMU is a core as QEMU writes it: program headers that do not follow the file's, notes, memory.
func fromQEMU(memory []byte) []byte {
	own := note("CORE\x00", "registers of a processor")
	const programsAt = 128
	notesAt := uint64(programsAt + 3*programSize)
	memoryAt := notesAt + uint64(len(own))
	header := elf.Header64{
		Type: uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: programsAt, Ehsize: headerSize,
		Phentsize: programSize, Phnum: 3,
	}
	copy(header.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, header)
	b.Write(make([]byte, programsAt-b.Len()))
	binary.Write(&b, binary.LittleEndian, []elf.Prog64{
		{Type: uint32(elf.PT_NOTE), Off: notesAt, Filesz: uint64(len(own)), Memsz: uint64(len(own))},
		{Type: uint32(elf.PT_LOAD), Off: memoryAt, Filesz: uint64(len(memory)), Memsz: uint64(len(memory))},
		{Type: uint32(elf.PT_LOAD), Off: memoryAt + uint64(len(memory)), Paddr: 0xffff0000, Filesz: 4, Memsz: 4},
	})
	b.Write(own)
	b.Write(memory)
	b.WriteString("BIOS")
	return b.Bytes()
}

func TestWriteTo(t *testing.T) {
	before := fromQEMU(guest())
	c, err := Open(bytes.NewReader(before), int64(len(before)))
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.Info(imageBase + variable)
	if err != nil || !bytes.Equal(found, info) {
		t.Fatalf("VMCOREINFO is %q, %v", found, err)
	}
	var after bytes.Buffer
	if err := c.WriteTo(&after, found); err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(after.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		vaddr, paddr, size uint64
		has                string
	}{
		{0, 0, 0, "registers of a processor"}, {imageBase, 0, memorySize, "the guest's memory"},
		{directBase, 0, memorySize, "the guest's memory"}, {directBase + 0xffff0000, 0xffff0000, 4, "BIOS"},
	}
	if len(f.Progs) != len(want) {
		t.Fatalf("%d program headers: %+v", len(f.Progs), f.Progs)
	}
	for i, w := range want {
		p := f.Progs[i]
		data, err := io.ReadAll(p.Open())
		if err != nil || !bytes.Contains(data, []byte(w.has)) || p.Vaddr != w.vaddr || p.Paddr != w.paddr ||
			w.size != 0 && p.Filesz != w.size {
			t.Errorf("header %d: %+v, %v", i, p.ProgHeader, err)
		}
	}
	notes, _ := io.ReadAll(f.Progs[0].Open())
	if !bytes.HasSuffix(notes, info) {
		t.Errorf("the notes end otherwise: %q", notes)
	}
}

// What the guest says of its note is not believed.
func TestHostileInfo(t *testing.T) {
	for name, change := range map[string]func(m []byte){
		"a pointer to nowhere":     func(m []byte) { binary.LittleEndian.PutUint64(m[variable:], directBase+1<<40) },
		"a pointer below":          func(m []byte) { binary.LittleEndian.PutUint64(m[variable:], 0x1000) },
		"a pointer past the end":   func(m []byte) { binary.LittleEndian.PutUint64(m[variable:], directBase+memorySize-8) },
		"a note that is too long":  func(m []byte) { binary.LittleEndian.PutUint32(m[noteAt+4:], 0xffffffff) },
		"a note with another name": func(m []byte) { copy(m[noteAt+12:], "ANOTHERONE") },
		"a name that is too long":  func(m []byte) { binary.LittleEndian.PutUint32(m[noteAt:], 0xffffffff) },
	} {
		t.Run(name, func(t *testing.T) {
			memory := guest()
			change(memory)
			core := fromQEMU(memory)
			c, err := Open(bytes.NewReader(core), int64(len(core)))
			if err != nil {
				t.Fatal(err)
			}
			if found, err := c.Info(imageBase + variable); err == nil {
				t.Errorf("it is taken: %q", found)
			}
			if err := c.WriteTo(io.Discard, nil); err != nil {
				t.Errorf("without it the core is not written: %v", err)
			}
		})
	}
}

func TestOpenBroken(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "text": strings.Repeat("x", 4096)} {
		if _, err := Open(strings.NewReader(text), int64(len(text))); err == nil {
			t.Errorf("%s is taken for a core", name)
		}
	}
}

func FuzzCore(f *testing.F) {
	f.Add(fromQEMU(guest()), uint64(imageBase+variable))
	f.Fuzz(func(t *testing.T, core []byte, pointer uint64) {
		c, err := Open(bytes.NewReader(core), int64(len(core)))
		if err != nil {
			return
		}
		found, err := c.Info(pointer)
		if err == nil && len(found) > maxInfo {
			t.Fatalf("a note of %d bytes", len(found))
		}
		c.WriteTo(io.Discard, found)
	})
}
