// SPDX-License-Identifier: MIT

package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/tracer/event"
)

const kallsyms = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000100 T kthread
ffffffff81000200 t create_kthread
ffffffff81000200 T alias_of_it
ffffffff81000300 W weak_one
ffffffff81000400 D some_data
ffffffff81001000 T _etext
ffffffff82000000 B bss
ffffffffc0257000 t inc_func	[signal_handling]
`

func kernelOf(t *testing.T, text string) *Kernel {
	t.Helper()
	k, err := ReadKernel(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKernelSites(t *testing.T) {
	table := New(kernelOf(t, kallsyms), nil, nil)
	for addr, want := range map[uint64]string{
		0xffffffff81000101: "kthread+0x1",
		// A call at the very end of a function returns to the next one.
		0xffffffff81000200: "kthread+0x100",
		0xffffffff81000201: "alias_of_it+0x1",
		0xffffffff81000450: "weak_one+0x150", // data is no place in code
		0xffffffff81001001: "0xffffffff81001001",
		0xffffffffc0257010: "0xffffffffc0257010", // modules are not taken from kallsyms
		0xffffffff80ffffff: "0xffffffff80ffffff",
		1:                  "0x1",
		0:                  "0x0",
	} {
		if got := table.Site(addr, 0).String(); got != want {
			t.Errorf("Site(%#x) = %s, want %s", addr, got, want)
		}
	}
}

func TestRunningSites(t *testing.T) {
	k, err := ReadRunning(strings.NewReader(kallsyms + `ffffffffc0257040 t helper	[signal_handling]
ffffffffc0258000 d val	[signal_handling]
ffffffffc0300000 T send	[other]
`))
	if err != nil {
		t.Fatal(err)
	}
	table := New(k, nil, nil)
	for addr, want := range map[uint64]string{
		0xffffffff81000101: "kthread+0x1",
		0xffffffffc0257010: "inc_func+0x10 [signal_handling]",
		0xffffffffc0257041: "helper+0x1 [signal_handling]",
		0xffffffffc0258004: "0xffffffffc0258004", // data
		0xffffffffc0300010: "send+0x10 [other]",
		0xffffffffc0310001: "0xffffffffc0310001", // too far past the last one
		0xffffffffc0256000: "0xffffffffc0256000",
	} {
		if got := table.Site(addr, 0).String(); got != want {
			t.Errorf("Site(%#x) = %s, want %s", addr, got, want)
		}
	}
	if _, err := ReadRunning(strings.NewReader(kallsyms + "ffffffffc0257040 [x]\n")); err == nil {
		t.Error("a line of two fields is no error")
	}
}

// TestUsed asks for many addresses, and then asks a table made only of the used symbols: the answers are the same.
func TestUsed(t *testing.T) {
	k, err := ReadRunning(strings.NewReader(kallsyms +
		"ffffffffc0257040 t helper\t[signal_handling]\nffffffffc0258000 d val\t[signal_handling]\n"))
	if err != nil {
		t.Fatal(err)
	}
	var all []uint64
	for addr := uint64(0xffffffff80fffff0); addr < 0xffffffff81001020; addr += 7 {
		all = append(all, addr)
	}
	for addr := uint64(0xffffffffc0256ff0); addr < 0xffffffffc0258020; addr += 7 {
		all = append(all, addr)
	}
	few := []uint64{0xffffffff81000201, 0xffffffffc0258004, 0xffffffff81001001}
	for _, asked := range [][]uint64{all, few, {0, 1}} {
		table := New(k, nil, nil)
		table.Remember()
		for _, addr := range asked {
			table.Site(addr, 1)
		}
		part, err := ReadRunning(bytes.NewReader(table.Used()))
		if err != nil {
			t.Fatal(err)
		}
		if len(asked) == len(few) && len(part.symbols)+len(part.loaded) > len(few)+2 {
			t.Errorf("%d symbols are kept for %d addresses", len(part.symbols)+len(part.loaded), len(few))
		}
		again := New(part, nil, nil)
		for _, addr := range asked {
			if got, want := again.Site(addr, 1), table.Site(addr, 1); got != want {
				t.Errorf("Site(%#x) = %v of what was used, want %v", addr, got, want)
			}
		}
	}
	if New(nil, nil, nil).Used() != nil {
		t.Error("symbols without a kernel")
	}
}

func TestReadKernelRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "",
		"without root":  "0000000000000000 T _stext\n0000000000000000 T kthread\n",
		"two fields":    "ffffffff81000000 T\n",
		"no hex number": "hello T kthread\n",
		"endless line":  strings.Repeat("x", 1<<20),
	} {
		if _, err := ReadKernel(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// fixture is a module file with these executable sections, in this order:
//
//	.text           0x60 bytes, aligned to 16   inc_func 0-0x40, helper 0x40-0x60
//	.text.unlikely  0x15 bytes, aligned to 1    inc_func.cold 0-0x15
//	.init.text      0x20 bytes, aligned to 16   startup = init_module 0-0x20
//	.exit.text      0x10 bytes, aligned to 16   cleanup_module = cleanup 0-0x10
func fixture(t testing.TB) []byte {
	t.Helper()
	type section struct {
		name  string
		flags elf.SectionFlag
		size  uint64
		align uint64
	}
	exec := elf.SHF_ALLOC | elf.SHF_EXECINSTR
	sections := []section{
		{".text", exec, 0x60, 16},
		{".text.unlikely", exec, 0x15, 1},
		{".data", elf.SHF_ALLOC | elf.SHF_WRITE, 8, 8},
		{".init.text", exec, 0x20, 16},
		{".exit.text", exec, 0x10, 16},
	}
	symbols := []struct {
		name    string
		section int // from 1
		value   uint64
		size    uint64
		kind    elf.SymType
	}{
		{"inc_func", 1, 0, 0x40, elf.STT_FUNC},
		{"helper", 1, 0x40, 0x20, elf.STT_FUNC},
		{"inc_func.cold", 2, 0, 0x15, elf.STT_FUNC},
		{"val", 3, 0, 8, elf.STT_OBJECT},
		{"startup", 4, 0, 0x20, elf.STT_FUNC},
		{"init_module", 4, 0, 0x20, elf.STT_FUNC},
		{"cleanup_module", 5, 0, 0x10, elf.STT_FUNC},
		{"cleanup", 5, 0, 0x10, elf.STT_FUNC},
	}
	var strtab, shstrtab, symtab bytes.Buffer
	strtab.WriteByte(0)
	shstrtab.WriteByte(0)
	name := func(b *bytes.Buffer, s string) uint32 {
		at := uint32(b.Len())
		b.WriteString(s + "\x00")
		return at
	}
	put := func(b *bytes.Buffer, v any) {
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	put(&symtab, elf.Sym64{})
	for _, s := range symbols {
		put(&symtab, elf.Sym64{Name: name(&strtab, s.name), Info: uint8(s.kind), Shndx: uint16(s.section), Value: s.value,
			Size: s.size})
	}
	var headers, body bytes.Buffer
	const start = 64
	add := func(h elf.Section64, data []byte) {
		h.Off, h.Size = uint64(start+body.Len()), uint64(len(data))
		body.Write(data)
		put(&headers, h)
	}
	put(&headers, elf.Section64{})
	for _, s := range sections {
		add(elf.Section64{Name: name(&shstrtab, s.name), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(s.flags),
			Addralign: s.align}, make([]byte, s.size))
	}
	n := uint32(len(sections) + 1)
	add(elf.Section64{Name: name(&shstrtab, ".symtab"), Type: uint32(elf.SHT_SYMTAB), Link: n + 1, Entsize: elf.Sym64Size,
		Addralign: 8}, symtab.Bytes())
	add(elf.Section64{Name: name(&shstrtab, ".strtab"), Type: uint32(elf.SHT_STRTAB), Addralign: 1}, strtab.Bytes())
	names := name(&shstrtab, ".shstrtab")
	add(elf.Section64{Name: names, Type: uint32(elf.SHT_STRTAB), Addralign: 1}, shstrtab.Bytes())

	var file bytes.Buffer
	put(&file, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1,
		Shoff: uint64(start + body.Len()), Ehsize: 64, Shentsize: 64, Shnum: uint16(n + 3), Shstrndx: uint16(n + 2),
	})
	file.Write(body.Bytes())
	file.Write(headers.Bytes())
	return file.Bytes()
}

func TestModuleSites(t *testing.T) {
	m, err := ReadModule(fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	const core, init = 0xffffffffc0250000, 0xffffffffc0260000
	events := []event.Event{
		{Kind: event.ModuleLoaded, Time: 100, Func: core, Data: init, Text: "lab"},
		{Kind: event.ModuleLoaded, Time: 150, Func: 0xffffffffc0270000, Text: "unknown"},
		// The second life of the module begins where the first had its init text.
		{Kind: event.ModuleLoaded, Time: 200, Func: init, Data: core, Text: "lab"},
	}
	table := New(kernelOf(t, kallsyms), events, func(name string) *Module {
		if name == "lab" {
			return m
		}
		return nil
	})
	for _, tt := range []struct {
		addr, at uint64
		want     string
	}{
		{core + 0x10, 120, "inc_func+0x10 [lab]"},
		{core + 0x40, 120, "inc_func+0x40 [lab]"},
		{core + 0x41, 120, "helper+0x1 [lab]"},
		{core + 0x61, 120, "inc_func.cold+0x1 [lab]"},
		{core + 0x7a, 120, "0xffffffffc025007a [lab]"}, // padding between sections
		{core + 0x81, 120, "cleanup+0x1 [lab]"},
		{init + 0x05, 120, "startup+0x5 [lab]"},
		{init + 0x05, 250, "inc_func+0x5 [lab]"},
		{core + 0x05, 250, "startup+0x5 [lab]"},
		{core + 0x10, 50, "0xffffffffc0250010"}, // not loaded yet
		{0xffffffffc0270010, 160, "0xffffffffc0270010"},
		{0xffffffff81000110, 160, "kthread+0x10"},
	} {
		if got := table.Site(tt.addr, tt.at).String(); got != tt.want {
			t.Errorf("Site(%#x) at %d = %s, want %s", tt.addr, tt.at, got, tt.want)
		}
	}
}

// TestPlaceBound: a module that is loaded and unloaded forever costs no more than the bound, and the last places are
// kept.
func TestPlaceBound(t *testing.T) {
	m, err := ReadModule(fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	table := New(nil, nil, nil)
	var last uint64
	for i := range uint64(5 * maxPlaced) {
		last = 0xffffffffc0000000 + i<<12
		table.Place(&event.Event{Kind: event.ModuleLoaded, Time: i, Func: last, Text: "lab"}, m)
	}
	if n := len(table.modules); n > maxPlaced {
		t.Errorf("%d places, want at most %d", n, maxPlaced)
	}
	if got := table.Site(last+0x10, 1<<40).String(); got != "inc_func+0x10 [lab]" {
		t.Errorf("Site = %s in the module that came last", got)
	}
	table.Place(&event.Event{Func: ^uint64(0) - 8, Text: "lab"}, m)
	if got := table.Site(4, 1<<40); got.Module != "" {
		t.Errorf("Site(4) = %s: an address that wraps around", got)
	}
}

func TestTableWithoutKernel(t *testing.T) {
	if got := New(nil, nil, nil).Site(0xffffffff81000110, 1).String(); got != "0xffffffff81000110" {
		t.Errorf("Site = %s", got)
	}
}

func FuzzReadModule(f *testing.F) {
	whole := fixture(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadModule(b)
		if err != nil {
			return
		}
		if n := len(m.core.symbols) + len(m.init.symbols); n > len(b) {
			t.Errorf("%d symbols in %d bytes", n, len(b))
		}
	})
}

func FuzzReadKernel(f *testing.F) {
	f.Add(kallsyms)
	f.Add("ffffffff81000000 T a\n0 T b\n")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ReadKernel(strings.NewReader(s))
		if err == nil {
			New(k, nil, nil).Site(0xffffffff81000110, 0)
		}
	})
}
