// SPDX-License-Identifier: MIT

package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// pageSize is the kernel's page size; each of a module's texts begins with a page.
const pageSize = 4096

// maxText bounds how much of a module is read for comparison.
const maxText = 8 << 20

// Recognize places a module that no event reported, by its code: page is what a machine has at addr, the beginning of a
// page. It reports whether the page belongs to the module.
func (t *Table) Recognize(name string, ko, page []byte, addr uint64) (bool, error) {
	m, err := ReadModule(ko)
	if err != nil {
		return false, err
	}
	images, err := m.images(ko)
	if err != nil {
		return false, err
	}
	// A short text may begin like another one, with padding: the one of which the most is there is meant.
	var best placed
	most := 0
	for _, i := range images {
		for at := uint64(0); at < uint64(len(i.code)); at += pageSize {
			if same := i.matches(at, page); addr >= at && same > most {
				best, most = placed{name: name, lo: addr - at, hi: addr - at + i.text.size, text: i.text}, same
			}
		}
	}
	if most > 0 {
		t.modules = append(t.modules, best)
	}
	return most > 0, nil
}

// image is a text as the file has it. What the kernel changes when loading it is marked as unknown.
type image struct {
	text  *text
	code  []byte
	known []bool
}

// images reads both texts.
func (m *Module) images(ko []byte) ([]*image, error) {
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, fmt.Errorf("read module's code: %w", err)
	}
	if m.core.size > maxText || m.init.size > maxText {
		return nil, fmt.Errorf("read module's code: it is larger than %d bytes", maxText)
	}
	core, init := newImage(&m.core), newImage(&m.init)
	offsets := new(Module).layout(f)
	imageOf := func(section string) *image {
		if m.textOf(section) == &m.init {
			return init
		}
		return core
	}
	for i, offset := range offsets {
		data, err := f.Sections[i].Data()
		if err != nil {
			return nil, fmt.Errorf("read module's code: %w", err)
		}
		imageOf(f.Sections[i].Name).add(offset, data)
	}
	for _, s := range f.Sections {
		offset, ok := offsets[elf.SectionIndex(s.Info)]
		if s.Type != elf.SHT_RELA || !ok {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("read module's code: %w", err)
		}
		imageOf(f.Sections[s.Info].Name).forget(offset, data)
	}
	return []*image{core, init}, nil
}

func newImage(t *text) *image {
	return &image{text: t, code: make([]byte, t.size), known: make([]bool, t.size)}
}

func (i *image) add(offset uint64, data []byte) {
	copy(i.code[offset:], data)
	for n := range data {
		i.known[offset+uint64(n)] = true
	}
}

// forget marks what relocations change, and all of a call or a jump that has one: the kernel replaces those of thunks,
// of __fentry__ and of paravirt's functions.
func (i *image) forget(offset uint64, relocations []byte) {
	const entry = 24 // bytes
	for ; len(relocations) >= entry; relocations = relocations[entry:] {
		at := offset + binary.LittleEndian.Uint64(relocations)
		if at >= uint64(len(i.known)) {
			continue
		}
		end := at + 4
		if elf.R_X86_64(binary.LittleEndian.Uint32(relocations[8:])) == elf.R_X86_64_64 {
			end = at + 8
		}
		for n := at - i.opcode(at); n < min(end, uint64(len(i.known))); n++ {
			i.known[n] = false
		}
	}
}

// opcode is how many bytes before an operand belong to a call or a jump.
func (i *image) opcode(at uint64) uint64 {
	switch {
	case at >= 1 && (i.code[at-1] == 0xe8 || i.code[at-1] == 0xe9):
		return 1
	case at >= 2 && i.code[at-2] == 0xff && (i.code[at-1] == 0x15 || i.code[at-1] == 0x25),
		at >= 2 && i.code[at-2] == 0x0f && i.code[at-1]&0xf0 == 0x80:
		return 2
	}
	return 0
}

// matches compares what is known of a page, and returns how many bytes are the same, 0 if it is another page. A few may
// differ: the kernel replaces some instructions by better ones for the processor.
func (i *image) matches(at uint64, page []byte) int {
	const (
		least  = 8 // bytes that suffice, at this place in a page
		alone  = 4 // that suffice if the page has nothing else, like a function that is only a loop
		padded = pageSize / 2
	)
	same, all := 0, 0
	n := 0
	for ; n < len(page) && at+uint64(n) < uint64(len(i.code)); n++ {
		if !i.known[at+uint64(n)] {
			continue
		}
		all++
		if i.code[at+uint64(n)] == page[n] {
			same++
		}
	}
	switch {
	case same >= least && same*8 >= all*7:
		return same
	case same >= alone && same == all && len(page)-n >= padded && uniform(page[n:]):
		return same
	}
	return 0
}

// uniform reports whether data is what the kernel fills the end of a text with: zeros or, since 6.13, int3.
func uniform(data []byte) bool {
	return (data[0] == 0 || data[0] == 0xcc) && bytes.Count(data, data[:1]) == len(data)
}
