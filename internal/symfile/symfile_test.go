// SPDX-License-Identifier: MIT

package symfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

const kallsyms = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81000010 t local_function
ffffffff81000040 T global_function
ffffffff81000100 T _etext
ffffffff81001000 D some_data
ffffffff82000000 T _sinittext
ffffffff82000010 t init_function
ffffffff82001000 T _einittext
ffffffff82002000 B _end
ffffffffc0000000 t module_function	[hello]
garbage
`

func TestParse(t *testing.T) {
	list := ParseKallsyms(kallsyms)
	if len(list) != 9 {
		t.Fatalf("%d symbols: %+v", len(list), list)
	}
	if want := (Symbol{"local_function", 0xffffffff81000010, false, true}); list[1] != want {
		t.Errorf("%+v, want %+v", list[1], want)
	}
	code := Code(list)
	if len(code) != 7 || !slices.IsSorted(code) {
		t.Errorf("functions at %x", code)
	}
}

func TestWrite(t *testing.T) {
	frames := []byte{1, 2, 3, 4}
	f, err := elf.NewFile(bytes.NewReader(Write(ParseKallsyms(kallsyms), frames)))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]elf.Symbol)
	seenGlobal := false
	for _, s := range symbols {
		found[s.Name] = s
		global := elf.ST_BIND(s.Info) == elf.STB_GLOBAL
		if seenGlobal && !global {
			t.Errorf("%s is local, and comes after a global symbol", s.Name)
		}
		seenGlobal = seenGlobal || global
	}
	for name, want := range map[string]struct {
		section string
		kind    elf.SymType
		bind    elf.SymBind
	}{
		"local_function":  {".text", elf.STT_FUNC, elf.STB_LOCAL},
		"global_function": {".text", elf.STT_FUNC, elf.STB_GLOBAL},
		"init_function":   {".init.text", elf.STT_FUNC, elf.STB_LOCAL},
		"some_data":       {".data", elf.STT_OBJECT, elf.STB_GLOBAL},
	} {
		s, ok := found[name]
		if !ok || f.Sections[s.Section].Name != want.section || elf.ST_TYPE(s.Info) != want.kind ||
			elf.ST_BIND(s.Info) != want.bind {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if data, err := f.Section(".debug_frame").Data(); err != nil || !bytes.Equal(data, frames) {
		t.Errorf(".debug_frame is %x, %v", data, err)
	}
	if text := f.Section(".text"); text.Addr != 0xffffffff81000000 || text.Size != 0x100 {
		t.Errorf(".text at %#x, %#x bytes", text.Addr, text.Size)
	}
}

// numbers are a kernel's.
type numbers struct {
	registers map[register]uint16
	kinds     map[kind]uint16
}

var (
	first       = map[register]uint16{undefined: 0, prevSP: 1, dx: 2, di: 3, bp: 4, sp: 5, r10: 6, r13: 7, bpIndirect: 8}
	second      = map[register]uint16{undefined: 0, ax: 1, dx: 2, sp: 3, bp: 4, di: 5, r10: 6, r13: 7, prevSP: 8}
	firstKinds  = map[kind]uint16{call: 0, regs: 1, regsPartial: 2, unknown: 3}
	secondKinds = map[kind]uint16{unknown: 0, call: 2, regs: 3, regsPartial: 4}
)

// table is an ORC table of these entries, whose places begin at base.
func table(base uint64, list []orc, n numbers) (places, entries []byte) {
	for i, o := range list {
		places = binary.LittleEndian.AppendUint32(places, uint32(o.at-base-uint64(i*placeSize)))
		entries = binary.LittleEndian.AppendUint16(entries, uint16(o.spOff))
		entries = binary.LittleEndian.AppendUint16(entries, uint16(o.bpOff))
		entries = binary.LittleEndian.AppendUint16(entries, n.registers[o.sp]|n.registers[o.bp]<<4|n.kinds[o.kind]<<8)
	}
	return places, entries
}

var rulesOfFunction = []orc{
	{at: 0xffffffff81000010, sp: sp, spOff: 8},
	{at: 0xffffffff81000011, sp: sp, spOff: 16, bp: prevSP, bpOff: -16},
	{at: 0xffffffff81000014, sp: bp, spOff: 16, bp: prevSP, bpOff: -16},
	{at: 0xffffffff81000030, sp: sp, spOff: 0, kind: regs},
	{at: 0xffffffff81000038, kind: unknown},
}

func TestORC(t *testing.T) {
	const base = 0xffffffff82c5d5c0
	for name, n := range map[string]numbers{
		"to 6.3": {first, firstKinds}, "from 6.4": {first, secondKinds}, "from 7.x": {second, secondKinds},
	} {
		t.Run(name, func(t *testing.T) {
			places, entries := table(base, rulesOfFunction, n)
			list, err := parseORC(places, entries, base)
			if err != nil || !slices.Equal(list, rulesOfFunction) {
				t.Errorf("%+v, %v", list, err)
			}
			if _, err := parseORC(places[1:], entries, base); err == nil {
				t.Error("tables that do not belong together are taken")
			}
		})
	}
}

// readelf reads the rules as we meant them.
func TestFrames(t *testing.T) {
	readelf, err := exec.LookPath("readelf")
	if err != nil {
		needs.Missing(t, "readelf (apt-get install binutils)")
	}
	symbols := ParseKallsyms(kallsyms)
	path := filepath.Join(t.TempDir(), "kernel.elf")
	if err := os.WriteFile(path, Write(symbols, frames(rulesOfFunction, Code(symbols))), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(readelf, "--debug-dump=frames-interp", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{
		"pc=ffffffff81000010..ffffffff81000040",
		"ffffffff81000011 rsp+16", "ffffffff81000014 rbp+16", "ffffffff81000030 rsp+0 c+80",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestSigned(t *testing.T) {
	for n, want := range map[int64]string{
		0: "00", 2: "02", -2: "7e", 127: "ff00", -127: "817f", 128: "8001", -128: "807f",
	} {
		if got := fmt.Sprintf("%x", appendSigned(nil, n)); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func FuzzWrite(f *testing.F) {
	places, entries := table(0, rulesOfFunction, numbers{first, firstKinds})
	f.Add(kallsyms, places, entries)
	f.Fuzz(func(t *testing.T, text string, places, entries []byte) {
		symbols := ParseKallsyms(text)
		list, err := parseORC(places, entries, 0)
		if err != nil {
			list = nil
		}
		file, err := elf.NewFile(bytes.NewReader(Write(symbols, frames(list, Code(symbols)))))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := file.Symbols(); err == nil && len(got) != len(symbols) {
			t.Fatalf("%d symbols of %d", len(got), len(symbols))
		}
	})
}
