// SPDX-License-Identifier: MIT

package symfile

import (
	"bytes"
	"debug/elf"
	"testing"
)

// relocatable is a module's file with these sections.
func relocatable(names ...string) []byte {
	w := &writer{}
	w.section("", elf.SHT_NULL, 0, nil, elf.Section64{})
	for _, name := range names {
		w.section(name, elf.SHT_PROGBITS, elf.SHF_ALLOC, []byte("data"), elf.Section64{Addr: 0x18, Addralign: 1})
	}
	file := w.file()
	file[16] = byte(elf.ET_REL)
	return file
}

func TestHostileScripts(t *testing.T) {
	before := relocatable(".text", ".debug_gdb_scripts", ".debug_gdb_scripts.more", ".gnu_debuglink", ".gnu_debugaltlink")
	f, err := elf.NewFile(bytes.NewReader(Module(before)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Sections[1:] {
		taken := s.Name != ".text" && s.Name != ".shstrtab"
		if (s.Type == elf.SHT_NULL) != taken {
			t.Errorf("%s has type %v", s.Name, s.Type)
		}
		if s.Addr != 0 {
			t.Errorf("%s has the address %#x", s.Name, s.Addr)
		}
	}
	for name, file := range map[string][]byte{"nothing": nil, "text": []byte("no ELF"), "cut": before[:len(before)-40]} {
		if got := Module(file); !bytes.Equal(got, file) {
			t.Errorf("%s is changed", name)
		}
	}
}

func FuzzModule(f *testing.F) {
	f.Add(relocatable(".text", ".debug_gdb_scripts"))
	f.Fuzz(func(t *testing.T, ko []byte) {
		if got := Module(ko); len(got) != len(ko) {
			t.Fatalf("%d bytes of %d", len(got), len(ko))
		}
	})
}
