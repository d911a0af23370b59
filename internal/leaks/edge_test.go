// SPDX-License-Identifier: MIT

package leaks

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

// TestEdge: the last function of the code that is mapped together, if an odd number of bytes follows it.
func TestEdge(t *testing.T) {
	section := func(name string, size uint64) *elf.Section {
		return &elf.Section{SectionHeader: elf.SectionHeader{
			Name: name, Size: size, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR,
		}}
	}
	function := func(name string, section elf.SectionIndex, value uint64) elf.Symbol {
		return elf.Symbol{Name: name, Section: section, Value: value, Info: uint8(elf.STT_FUNC)}
	}
	symbols := []elf.Symbol{
		function("first", 1, 0), function("second", 1, 32), function("init_module", 2, 16), function("startup", 2, 16),
		function("cleanup", 3, 0),
	}
	for name, tt := range map[string]struct {
		text, init, exit uint64
		want             map[string]bool
	}{
		"odd":             {63, 37, 31, map[string]bool{"startup": true, "cleanup": true}},
		"even":            {64, 38, 32, nil},
		"no code in exit": {63, 38, 0, map[string]bool{"second": true}},
	} {
		f := &elf.File{Sections: []*elf.Section{
			{}, section(".text", tt.text), section(".init.text", tt.init), section(".exit.text", tt.exit),
		}}
		c := newCode(f, symbols)
		for _, s := range symbols {
			if s.Name != "init_module" && c.edge(s) != tt.want[s.Name] {
				t.Errorf("%s: %s: %t", name, s.Name, c.edge(s))
			}
		}
	}
}

func TestEndsInReturn(t *testing.T) {
	relocation := func(at uint64, symbol uint64) []byte {
		b := make([]byte, relaSize)
		binary.LittleEndian.PutUint64(b, at)
		binary.LittleEndian.PutUint64(b[8:], symbol<<32)
		return b
	}
	symbols := []elf.Symbol{{Name: "__x86_return_thunk"}, {Name: "misc_register"}}
	jump := []byte{0x90, opJump, 0, 0, 0, 0}
	for name, tt := range map[string]struct {
		text, relocations []byte
		want              bool
	}{
		"a return":                {[]byte{0x90, opReturn}, nil, true},
		"a trap after it":         {[]byte{opReturn, opTrap}, nil, true},
		"a jump to a return":      {jump, relocation(2, 1), true},
		"a jump to a function":    {jump, relocation(2, 2), false},
		"a return somewhere else": {append(jump, 0x90), relocation(2, 1), false},
		"nothing":                 {nil, nil, false},
	} {
		if got := endsInReturn(tt.text, tt.relocations, symbols); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestIsTraced: with and without endbr64, a call that the loader fills in, or the nops that objtool makes of it.
func TestIsTraced(t *testing.T) {
	for name, tt := range map[string]struct {
		text []byte
		at   uint64
		want bool
	}{
		"a call":               {[]byte{0x90, opCall, 0, 0, 0, 0}, 1, true},
		"a call after endbr64": {[]byte{0xf3, 0x0f, 0x1e, 0xfa, opCall, 0, 0, 0, 0}, 0, true},
		"nops":                 {[]byte{0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0, 0}, 0, true},
		"other code":           {[]byte{0x55, 0x48, 0x89, 0xe5}, 0, false},
		"the end":              {[]byte{0x90}, 1, false},
		"beyond the end":       {[]byte{0x90}, 7, false},
	} {
		if got := isTraced(tt.text, tt.at); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
