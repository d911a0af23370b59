// SPDX-License-Identifier: MIT

package symbols

import (
	"bytes"
	"debug/elf"
	"testing"
)

// withCode gives the fixture's executable sections distinguishable code.
func withCode(t *testing.T) (ko []byte, core, init []byte) {
	t.Helper()
	ko = bytes.Clone(fixture(t))
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		for n := range s.Size {
			ko[s.Offset+n] = byte(n)*7 + byte(i)*31
		}
		data := ko[s.Offset : s.Offset+s.Size]
		if s.Name == ".init.text" {
			init = append(init, data...)
			continue
		}
		for len(core)%int(s.Addralign) != 0 {
			core = append(core, 0)
		}
		core = append(core, data...)
	}
	return ko, core, init
}

func TestRecognize(t *testing.T) {
	ko, core, init := withCode(t)
	page := func(code []byte) []byte { return append(bytes.Clone(code), make([]byte, pageSize-len(code))...) }
	patched := page(core)
	patched[3], patched[4] = 0x90, 0x90
	const addr = 0xffffffffc0264000
	for name, tt := range map[string]struct {
		page []byte
		want string // of addr + 5
	}{
		"init text":        {page(init), "startup+0x5 [lab]"},
		"core text":        {page(core), "inc_func+0x5 [lab]"},
		"patched":          {patched, "inc_func+0x5 [lab]"},
		"another's":        {page(bytes.Repeat([]byte{0xcc}, 0x60)), ""},
		"a page that ends": {init[:7], ""},
		"nothing":          {nil, ""},
	} {
		table := New(nil, nil, nil)
		known, err := table.Recognize("lab", ko, tt.page, addr)
		if err != nil || known != (tt.want != "") {
			t.Errorf("%s: %t, %v", name, known, err)
		}
		if got := table.Site(addr+5, 1).String(); known && got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if _, err := New(nil, nil, nil).Recognize("lab", []byte("no module"), page(init), addr); err == nil {
		t.Error("no module is taken for one")
	}
}

// TestRecognizeSmall: a text of few known bytes is recognized if it is all that a page has.
func TestRecognizeSmall(t *testing.T) {
	loop := []byte{0xe8, 1, 2, 3, 4, 0xf3, 0x90, 0xeb, 0xfc} // call __fentry__; pause; jmp
	page := func(code []byte, fill byte) []byte {
		return append(bytes.Clone(code), bytes.Repeat([]byte{fill}, pageSize-len(code))...)
	}
	other := page(loop, 0)
	other[2000] = 0x90
	for name, tt := range map[string]struct {
		known []byte // of the loop: 1 is known
		page  []byte
		want  int
	}{
		"zeros":            {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, page(loop, 0), 4},
		"int3":             {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, page(loop, 0xcc), 4},
		"something else":   {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, page(loop, 0x90), 0},
		"more behind it":   {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, other, 0},
		"other code":       {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, page([]byte{0xe8, 1, 2, 3, 4, 0xf3, 0x90, 0xeb, 0xfb}, 0), 0},
		"less":             {[]byte{0, 0, 0, 0, 0, 0, 1, 1, 1}, page(loop, 0), 0},
		"a page cut short": {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, page(loop, 0)[:1000], 0},
		"nothing behind":   {[]byte{0, 0, 0, 0, 0, 1, 1, 1, 1}, loop, 0},
		"nothing":          {[]byte{0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, pageSize), 0},
	} {
		i := newImage(&text{size: uint64(len(loop))})
		i.add(0, loop)
		for n, known := range tt.known {
			i.known[n] = known == 1
		}
		if got := i.matches(0, tt.page); got != tt.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// TestForget: what relocations change is not compared, and nothing outside the text is written.
func TestForget(t *testing.T) {
	i := newImage(&text{size: 40})
	code := make([]byte, 40)
	code[5] = 0xe8                  // a call, its operand at 6
	code[12], code[13] = 0xff, 0x15 // an indirect one, at 14
	code[20], code[21] = 0x8b, 0x05 // a load, at 22
	i.add(0, code)
	entry := func(offset uint64, kind elf.R_X86_64) []byte {
		return append([]byte{byte(offset), 0, 0, 0, 0, 0, 0, 0, byte(kind), 0, 0, 0}, make([]byte, 12)...)
	}
	for _, at := range []uint64{6, 14, 22, 38, 200} {
		i.forget(0, entry(at, elf.R_X86_64_PC32))
	}
	i.forget(0, entry(28, elf.R_X86_64_64))
	i.forget(0, bytes.Repeat([]byte{0xff}, 24))
	for n, known := range i.known {
		lost := n >= 5 && n < 10 || n >= 12 && n < 18 || n >= 22 && n < 26 || n >= 28 && n < 36 || n >= 38
		if known == lost {
			t.Errorf("byte %d: %t", n, known)
		}
	}
}
