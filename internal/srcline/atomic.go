// SPDX-License-Identifier: MIT

package srcline

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// Atomic is an instruction in a module through which an inlined function atomically changes a counter in an object.
type Atomic struct {
	Inlined  string // the function, such as get_task_struct
	Section  string // of the code: .exit.text
	Symbol   string // the symbol with the instruction, Offset bytes from its start
	Offset   uint64
	Register string // as the kernel's probes call it: di, r12
	Shift    int64  // what to add to the register to get the object's address
}

// maxAtomics bounds what a hostile file can yield.
const maxAtomics = 64

// Atomics finds the instructions through which the named functions, if the compiler inlined them, change the member of
// their object. The instruction itself tells which register holds the object.
func (m *Module) Atomics(functions []string, object, member string) (found []Atomic, err error) {
	defer guard("find "+strings.Join(functions, ", "), &err)
	offset := int64(-1)
	r := m.data.Reader()
	for range maxEntries {
		e, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("read debug information: %w", err)
		}
		if e == nil || len(found) == maxAtomics {
			return shifted(found, offset), nil
		}
		switch e.Tag {
		case dwarf.TagStructType:
			if name, _ := e.Val(dwarf.AttrName).(string); offset < 0 && name == object && e.Children {
				offset = memberOffset(r, member)
			}
		case dwarf.TagInlinedSubroutine, dwarf.TagSubprogram:
			if name := m.name(e); slices.Contains(functions, name) {
				if a, ok := m.atomicOf(e); ok {
					a.Inlined = name
					found = append(found, a)
				}
			}
		}
	}
	return nil, fmt.Errorf("read debug information: more than %d entries", maxEntries)
}

// shifted makes displacements relative to the member; without the member nothing is known.
func shifted(found []Atomic, offset int64) []Atomic {
	if offset < 0 {
		return nil
	}
	for i := range found {
		found[i].Shift -= offset
	}
	return found
}

// memberOffset reads the members that follow, and returns -1 if it is not among them.
func memberOffset(r *dwarf.Reader, member string) int64 {
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			return -1
		}
		if name, _ := e.Val(dwarf.AttrName).(string); e.Tag == dwarf.TagMember && name == member {
			offset, ok := e.Val(dwarf.AttrDataMemberLoc).(int64)
			if !ok {
				return -1
			}
			return offset
		}
		if e.Children {
			r.SkipChildren()
		}
	}
}

// atomicOf is the first locked instruction of an entry's code.
func (m *Module) atomicOf(e *dwarf.Entry) (Atomic, bool) {
	ranges, err := m.data.Ranges(e)
	if err != nil {
		return Atomic{}, false
	}
	slices.SortFunc(ranges, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	for _, span := range ranges {
		for pc := span[0]; pc < span[1]; {
			code, _ := m.code(pc)
			inst, err := x86asm.Decode(code, 64)
			if err != nil {
				break
			}
			if register, shift, ok := locked(inst); ok {
				symbol, offset, ok := m.symbolAt(pc)
				_, section := m.code(pc)
				return Atomic{Section: section, Symbol: symbol, Offset: offset, Register: register, Shift: shift}, ok
			}
			pc += uint64(inst.Len)
		}
	}
	return Atomic{}, false
}

// locked reads the register and displacement of an atomic change.
func locked(inst x86asm.Inst) (register string, shift int64, ok bool) {
	if !slices.ContainsFunc(inst.Prefix[:], func(p x86asm.Prefix) bool {
		return p&0xff == x86asm.PrefixLOCK&0xff && p != 0
	}) {
		return "", 0, false
	}
	mem, ok := inst.Args[0].(x86asm.Mem)
	if !ok || mem.Index != 0 || mem.Segment != 0 || mem.Base < x86asm.RAX || mem.Base > x86asm.R15 ||
		mem.Base == x86asm.RSP {
		return "", 0, false
	}
	name := strings.ToLower(mem.Base.String())
	if mem.Base < x86asm.R8 {
		name = name[1:] // rdi is %di
	}
	return name, mem.Disp, true
}

// code is what lies at an address, up to the end of its section, and the section's name.
func (m *Module) code(pc uint64) ([]byte, string) {
	for _, s := range m.text {
		if pc >= s.base && pc-s.base < uint64(len(s.data)) {
			return s.data[pc-s.base:], s.name
		}
	}
	return nil, ""
}

// symbolAt names the function at an address by a name that no other function has.
func (m *Module) symbolAt(pc uint64) (string, uint64, bool) {
	best := ""
	for name, list := range m.functions {
		if len(list) != 1 || pc < list[0].addr || pc-list[0].addr >= list[0].size {
			continue
		}
		// init_module is an alias of the author's own name.
		if best == "" || best == "init_module" || best == "cleanup_module" ||
			name < best && name != "init_module" && name != "cleanup_module" {
			best = name
		}
	}
	if best == "" {
		return "", 0, false
	}
	return best, pc - m.functions[best][0].addr, true
}

// textSection is an executable section at the address that it was assigned.
type textSection struct {
	base uint64
	data []byte
	name string
}

func readText(f *elf.File, bases map[uint16]uint64) ([]textSection, error) {
	var text []textSection
	for i, base := range bases {
		data, err := f.Sections[i].Data()
		if err != nil {
			return nil, fmt.Errorf("read debug information: %w", err)
		}
		text = append(text, textSection{base, data, f.Sections[i].Name})
	}
	return text, nil
}
