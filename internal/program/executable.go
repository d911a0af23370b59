// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

// executable reads a file that begins as ELF.
func executable(name string, data []byte) (*Program, error) {
	p, err := classifyELF(data)
	if wrong, is := errors.AsType[*WrongError](err); is {
		wrong.Name = name
		return nil, wrong
	}
	if err != nil { // bytes in memory have no other errors than damage
		return nil, &WrongError{Name: name, Is: Damaged, What: "is a " + err.Error(), Hint: "build or copy it anew", Err: err}
	}
	return p, nil
}

func classifyELF(data []byte) (*Program, error) {
	f, err := readHeader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if wrong := f.wrongType(data); wrong != nil {
		return nil, wrong
	}
	if f.arch != AMD64 && f.arch != I386 {
		hint := "build it for x86-64"
		if f.arch.Machine == elf.EM_X86_64 && f.arch.Bits == 32 {
			hint = "build it with -m64"
		}
		return nil, &WrongError{Is: OtherMachine, What: fmt.Sprintf("is for %s; the guest is x86-64", f.arch), Hint: hint}
	}
	if err := f.readSegments(); err != nil {
		return nil, err
	}
	if wrong := f.wrongSegments(); wrong != nil {
		return nil, wrong
	}
	_, dynamic, err := f.interp()
	if err != nil {
		return nil, err
	}
	if !dynamic && f.typ == elf.ET_EXEC {
		return &Program{Kind: Static, Arch: f.arch}, nil
	}
	o, flags, err := f.object()
	switch {
	case err != nil:
		return nil, err
	case dynamic && f.arch == I386:
		return nil, &WrongError{
			Is:   Bits32,
			What: fmt.Sprintf("is a 32-bit program (i386) that needs %s; the guest has no 32-bit libraries", show(o.Interp)),
			Hint: "link it with -static, or build it with -m64",
		}
	case dynamic:
		return &Program{Kind: Dynamic, Arch: f.arch, Object: o}, nil
	case flags&elf.DF_1_PIE == 0:
		return nil, &WrongError{
			Is: Library, What: "is a shared library, not a program", Hint: "pass a program that is linked to it",
		}
	}
	return &Program{Kind: Static, Arch: f.arch}, nil // -static-pie
}

// wrongType finds ELF files that are no executables.
func (f *file) wrongType(data []byte) *WrongError {
	switch f.typ {
	case elf.ET_EXEC, elf.ET_DYN:
		return nil
	case elf.ET_CORE:
		return &WrongError{Is: Core, What: "is a core dump, not a program", Hint: "pass the program that left it"}
	case elf.ET_REL:
		if bytes.Contains(data, []byte("\x00.gnu.linkonce.this_module\x00")) {
			return &WrongError{Is: Module, What: "is a kernel module, not a test", Hint: "pass the program that uses it"}
		}
		return &WrongError{Is: ObjectFile, What: "is an object file", Hint: "link it, best with -static"}
	}
	return &WrongError{
		Is: Damaged, What: fmt.Sprintf("is an ELF file of type %d, not an executable", f.typ), Hint: "build or copy it anew",
		Err: damaged("its type is %d", f.typ),
	}
}

// addressesEnd is where the kernel's own addresses begin, at the latest: a program has 47 bits.
const addressesEnd = 1 << 47

// pageSize is the least of what is mapped of a file.
const pageSize = 4096

// wrongSegments finds ELF files that look like executables and cannot run.
func (f *file) wrongSegments() *WrongError {
	entry, empty := false, false
	for _, s := range f.segments {
		if s.Type == elf.PT_DYNAMIC && s.Filesz == 0 {
			empty = true
		}
		if s.Type != elf.PT_LOAD {
			continue
		}
		if s.Vaddr >= addressesEnd || f.arch == I386 && s.Vaddr >= 0xc000_0000 {
			return &WrongError{
				Is: Kernel, What: fmt.Sprintf("wants to be loaded to %#x, where the kernel is: a vmlinux?", s.Vaddr),
				Hint: "pass a program",
			}
		}
		// Whole pages are mapped.
		start, end := s.Vaddr&^(pageSize-1), (s.Vaddr+s.Filesz+pageSize-1)&^(pageSize-1)
		if f.entry >= start && f.entry < end && s.Filesz > 0 {
			entry = true
		}
		if s.Filesz == 0 && f.entry-s.Vaddr < s.Memsz {
			empty = true
		}
	}
	switch {
	case empty:
		return &WrongError{
			Is: DebugOnly, What: "has the debug information of a program, and not its code", Hint: "pass the program",
		}
	case entry, f.typ == elf.ET_DYN:
		return nil // many libraries have no entry: the dynamic section tells
	}
	return &WrongError{
		Is: Damaged, What: fmt.Sprintf("is a damaged ELF file: it begins at %#x, where it has nothing", f.entry),
		Hint: "build or copy it anew", Err: damaged("its entry %#x lies in no segment", f.entry),
	}
}
