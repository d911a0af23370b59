// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
	"testing"
)

// code is a section of code with its functions, by where they begin.
type code struct {
	name      string
	size      uint64
	align     uint64
	functions map[string]uint64
}

// object is a relocatable ELF file of these sections.
func object(t *testing.T, list ...code) []byte {
	t.Helper()
	strs := []byte{0}
	str := func(s string) uint32 {
		at := len(strs)
		strs = append(append(strs, s...), 0)
		return uint32(at)
	}
	symbols := []elf.Sym64{{}}
	headers := []elf.Section64{{}}
	for i, c := range list {
		headers = append(headers, elf.Section64{
			Name: str(c.name), Type: uint32(elf.SHT_NOBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR),
			Size: c.size, Addralign: c.align,
		})
		for _, name := range slices.Sorted(maps.Keys(c.functions)) {
			symbols = append(symbols, elf.Sym64{
				Name: str(name), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: uint16(i + 1),
				Value: c.functions[name],
			})
		}
	}
	symtab, strtab := str(".symtab"), str(".strtab")
	var body bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&body, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	put(symbols)
	const head = 64
	n := len(headers)
	headers = append(headers,
		elf.Section64{
			Name: symtab, Type: uint32(elf.SHT_SYMTAB), Off: head, Size: uint64(body.Len()), Link: uint32(n + 1), Info: 1,
			Entsize: elf.Sym64Size,
		},
		elf.Section64{Name: strtab, Type: uint32(elf.SHT_STRTAB), Off: head + uint64(body.Len()), Size: uint64(len(strs))})
	body.Write(strs)
	at := head + body.Len()
	put(headers)
	h := elf.Header64{
		Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: uint64(at), Ehsize: head, Shentsize: 64,
		Shnum: uint16(len(headers)), Shstrndx: uint16(n + 1),
	}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	var out bytes.Buffer
	if err := binary.Write(&out, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), body.Bytes()...)
}

func TestUnprobed(t *testing.T) {
	text := func(size uint64) code { return code{".text", size, 16, map[string]uint64{"work": 0, "thread": 0x20}} }
	start := func(size uint64) code {
		return code{".init.text", size, 16, map[string]uint64{"startup": 0x10, "init_module": 0x10}}
	}
	exit := func(size uint64) code { return code{".exit.text", size, 16, map[string]uint64{"cleanup": 0}} }
	for name, tt := range map[string]struct {
		release string
		list    []code
		want    []string
	}{
		"even": {"6.12.118+deb13-cloud-amd64", []code{text(0x44), start(0x250)}, nil},
		"odd init": {
			"6.12.118+deb13-cloud-amd64", []code{text(0x44), start(0x253)}, []string{"init_module", "startup"},
		},
		"odd text":                 {"6.12.1", []code{text(0x45), start(0x250)}, []string{"thread"}},
		"text before other code":   {"6.12.1", []code{text(0x45), exit(0x20), start(0x250)}, nil},
		"odd behind text":          {"6.12.1", []code{text(0x40), exit(0x21), start(0x250)}, []string{"cleanup"}},
		"before 6.4 data follows":  {"6.1.0-56-cloud-amd64", []code{text(0x45), start(0x253)}, nil},
		"5.10":                     {"5.10.0-32-cloud-amd64", []code{text(0x45), start(0x253)}, nil},
		"7.2 maps more":            {"7.2.12+deb14", []code{text(0x45), start(0x253)}, nil},
		"no release that is known": {"next", []code{text(0x44), start(0x253)}, []string{"init_module", "startup"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Unprobed(object(t, tt.list...), tt.release)
			if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), tt.want) {
				t.Errorf("%v, %v; want %v", slices.Sorted(maps.Keys(got)), err, tt.want)
			}
		})
	}
	if _, err := Unprobed([]byte("no module"), "6.12.1"); err == nil {
		t.Error("no error for what is no module")
	}
}
