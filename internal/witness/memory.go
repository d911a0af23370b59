// SPDX-License-Identifier: MIT

package witness

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Physical is a machine's memory by physical address. What is read does not pass through the guest.
type Physical interface {
	// ReadPhysical reads size bytes.
	ReadPhysical(addr uint64, size int) ([]byte, error)
}

// MemoryError says that a machine's memory could not be read. That is not the guest's fault.
type MemoryError struct {
	Addr uint64 // physical
	Err  error
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("read the guest's memory at %#x: %v", e.Addr, e.Err)
}
func (e *MemoryError) Unwrap() error { return e.Err }

// Symbols returns the address of one of the kernel's functions or variables, zero if it is unknown. They must have been
// read before anything foreign was in the guest.
type Symbols func(name string) uint64

// On x86-64 the kernel's image is at a fixed distance from its physical memory, unless KASLR moves it, and so is all
// memory, mapped once more (Documentation/arch/x86/x86_64/mm.rst). Both are independent of the page tables, which a
// module can change. The rest, like the code of modules, is found with the kernel's own tables.
const (
	imageMap  = 0xffffffff80000000
	directMap = 0xffff888000000000 // with four levels of tables, if the kernel has no variable for it
	directMax = 64 << 40

	pageSize  = 4096
	pageShift = 12
	levelBits = 9 // of an address, for one level of tables
	present   = 1 << 0
	huge      = 1 << 7
	addrBits  = 0x000ffffffffff000
)

// space is the memory of a kernel whose processors are stopped.
type space struct {
	physical Physical
	symbols  Symbols
	pages    map[uint64][]byte // what was read, by physical address
	end      uint64            // of the kernel's image
	direct   uint64
	levels   int // of the page tables
}

// chunk is what is read at once, in bytes. Where QEMU is asked for it, one exchange takes a millisecond, as long as
// copying 32 pages.
const chunk = 32 * pageSize

// maxChunks bounds what is read of a guest, which may have made its lists endless. For 80 tasks 62 chunks are read.
const maxChunks = 2048

// banner is what the kernel calls itself.
const banner = "Linux version "

// newSpace finds out how the kernel maps memory, and that it is where it is expected.
func newSpace(p Physical, symbols Symbols) (*space, error) {
	s := &space{
		physical: p, symbols: symbols, pages: make(map[uint64][]byte),
		end: symbols("_end"), direct: directMap, levels: 4,
	}
	at := symbols("linux_banner")
	if at == 0 || s.end == 0 {
		return nil, errors.New("the kernel's symbols include no variables")
	}
	text, err := s.read(at, len(banner))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(text, []byte(banner)) {
		return nil, fmt.Errorf("the kernel is not where its symbols say: there is %q at %#x", text, at)
	}
	if at := symbols("page_offset_base"); at != 0 {
		if s.direct, err = s.word(at); err != nil {
			return nil, err
		}
	}
	if at := symbols("pgdir_shift"); at != 0 {
		shift, err := s.word(at)
		if err != nil {
			return nil, err
		}
		s.levels = (int(uint32(shift))-pageShift)/levelBits + 1
	}
	if s.levels != 4 && s.levels != 5 {
		return nil, fmt.Errorf("the kernel has %d levels of page tables, not 4 or 5", s.levels)
	}
	return s, nil
}

// read reads memory of the kernel.
func (s *space) read(addr uint64, size int) ([]byte, error) {
	data := make([]byte, 0, size)
	for len(data) < size {
		at, run, err := s.translate(addr)
		if err != nil {
			return nil, err
		}
		part, err := s.cached(at)
		if err != nil {
			return nil, err
		}
		part = part[:min(uint64(len(part)), run, uint64(size-len(data)))]
		data, addr = append(data, part...), addr+uint64(len(part))
	}
	return data, nil
}

// cached returns what is in physical memory from an address to the end of its chunk.
func (s *space) cached(at uint64) ([]byte, error) {
	base := at &^ (chunk - 1)
	data, ok := s.pages[base]
	if !ok {
		if len(s.pages) == maxChunks {
			return nil, fmt.Errorf("the kernel's lists take up more than %d MiB", maxChunks*chunk>>20)
		}
		var err error
		if data, err = s.physical.ReadPhysical(base, chunk); err != nil {
			return nil, &MemoryError{base, err}
		}
		if len(data) < chunk {
			return nil, fmt.Errorf("read the guest's memory at %#x: there are only %d bytes", base, len(data))
		}
		s.pages[base] = data
	}
	return data[at-base:], nil
}

// translate returns the physical address of an address, and how many bytes follow in one piece.
func (s *space) translate(addr uint64) (at, run uint64, err error) {
	switch {
	case addr >= imageMap && addr < s.end:
		return addr - imageMap, s.end - addr, nil
	case addr >= s.direct && addr < s.direct+directMax:
		return addr - s.direct, s.direct + directMax - addr, nil
	}
	table := s.symbols("init_top_pgt")
	if table == 0 || table < imageMap {
		return 0, 0, errors.New("the kernel's symbols do not include its page tables")
	}
	table -= imageMap
	for level := s.levels - 1; level >= 0; level-- {
		shift := pageShift + levelBits*level
		data, err := s.cached(table + addr>>shift&(1<<levelBits-1)*8)
		if err != nil {
			return 0, 0, err
		}
		entry := binary.LittleEndian.Uint64(data)
		if entry&present == 0 {
			return 0, 0, fmt.Errorf("nothing is mapped at %#x", addr)
		}
		if level == 0 || entry&huge != 0 {
			size := uint64(1) << shift
			return entry&addrBits&^(size-1) + addr&(size-1), size - addr&(size-1), nil
		}
		table = entry & addrBits
	}
	return 0, 0, fmt.Errorf("nothing is mapped at %#x", addr)
}

// word reads eight bytes.
func (s *space) word(addr uint64) (uint64, error) {
	data, err := s.read(addr, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(data), nil
}

// words reads eight bytes at each of some offsets from an address.
func (s *space) words(addr uint64, offsets ...uint32) ([]uint64, error) {
	list := make([]uint64, len(offsets))
	for i, o := range offsets {
		var err error
		if list[i], err = s.word(addr + uint64(o)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// text reads a string that ends with a zero byte, or fills its array.
func (s *space) text(addr uint64, size int) (string, error) {
	data, err := s.read(addr, size)
	if err != nil {
		return "", err
	}
	name, _, _ := bytes.Cut(data, []byte{0})
	return string(name), nil
}
