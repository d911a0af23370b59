// SPDX-License-Identifier: MIT

// Package kmodtest makes small module files and module trees for tests. The
// files have the sections that tools read, and no code: no kernel would load them.
package kmodtest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
)

// Module is a module file to make.
type Module struct {
	Info    []string // key=value
	Exports []Export
	Needs   []Need
	Machine uint16 // ELF machine number; 0 is x86-64
	Type    uint16 // ELF type; 0 is a relocatable object
	Is32    bool   // ELFCLASS32
	Big     bool   // most significant byte first
	NoInit  bool   // without init_module and cleanup_module
}

// Export is a symbol that the module exports; CRC 0 leaves the version out.
type Export struct {
	Name      string
	CRC       uint32
	GPL       bool
	Namespace string
}

// Need is an undefined symbol of the module; CRC 0 leaves the version out.
type Need struct {
	Name string
	CRC  uint32
	Weak bool
}

// Kernel is the vermagic of WriteTree's modules.
const Kernel = "6.1.0-test SMP preempt mod_unload modversions "

// Release is the release in Kernel.
const Release = "6.1.0-test"

type section struct {
	name       string
	typ, link  uint32
	entsize    uint64
	data       bytes.Buffer
	nameOffset uint32
}

type writer struct {
	m        Module
	order    binary.ByteOrder
	sections []*section
	strtab   *section
	symtab   *section
}

// Bytes makes the file.
func (m Module) Bytes() []byte {
	w := &writer{m: m, order: binary.LittleEndian}
	if m.Big {
		w.order = binary.BigEndian
	}
	w.add("", 0)
	text := w.add(".text", 1)
	w.add(".modinfo", 1).data.WriteString(joinZero(m.Info))
	w.strtab = w.add(".strtab", 3)
	w.strtab.data.WriteByte(0)
	w.symtab = w.add(".symtab", 2)
	w.symtab.link, w.symtab.entsize = uint32(w.index(w.strtab)), 24
	if m.Is32 {
		w.symtab.entsize = 16
	}
	w.symbol("", 0, 0, 0)
	if !m.NoInit {
		w.symbol("init_module", 1, uint16(w.index(text)), 0)
		w.symbol("cleanup_module", 1, uint16(w.index(text)), 0)
	}
	w.exports()
	w.needs()
	return w.file()
}

func joinZero(list []string) string {
	var b bytes.Buffer
	for _, s := range list {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.String()
}

func (w *writer) add(name string, typ uint32) *section {
	s := &section{name: name, typ: typ}
	w.sections = append(w.sections, s)
	return s
}

func (w *writer) index(s *section) int {
	for i, have := range w.sections {
		if have == s {
			return i
		}
	}
	return 0
}

func (w *writer) word(b *bytes.Buffer, v uint64) {
	if w.m.Is32 {
		binary.Write(b, w.order, uint32(v))
	} else {
		binary.Write(b, w.order, v)
	}
}

func (w *writer) symbol(name string, bind byte, shndx uint16, value uint64) {
	var off uint32
	if name != "" {
		off = uint32(w.strtab.data.Len())
		w.strtab.data.WriteString(name + "\x00")
	}
	b := &w.symtab.data
	binary.Write(b, w.order, off)
	if w.m.Is32 {
		binary.Write(b, w.order, uint32(value))
		binary.Write(b, w.order, uint32(0))
	}
	b.Write([]byte{bind << 4, 0})
	binary.Write(b, w.order, shndx)
	if !w.m.Is32 {
		binary.Write(b, w.order, value)
		binary.Write(b, w.order, uint64(0))
	}
}

func (w *writer) exports() {
	if len(w.m.Exports) == 0 {
		return
	}
	plain, gpl := w.add("__ksymtab", 1), w.add("__ksymtab_gpl", 1)
	strings, crcs := w.add("__ksymtab_strings", 1), w.add("__kcrctab", 1)
	for _, e := range w.m.Exports {
		tab := plain
		if e.GPL {
			tab = gpl
		}
		w.symbol("__ksymtab_"+e.Name, 0, uint16(w.index(tab)), uint64(tab.data.Len()))
		tab.data.Write(make([]byte, 12))
		strings.data.WriteString(e.Name + "\x00")
		w.symbol("__kstrtabns_"+e.Name, 0, uint16(w.index(strings)), uint64(strings.data.Len()))
		strings.data.WriteString(e.Namespace + "\x00")
		if e.CRC != 0 {
			w.symbol("__crc_"+e.Name, 0, uint16(w.index(crcs)), uint64(crcs.data.Len()))
			binary.Write(&crcs.data, w.order, e.CRC)
		}
	}
}

func (w *writer) needs() {
	var versions *section
	for _, n := range w.m.Needs {
		bind := byte(1)
		if n.Weak {
			bind = 2
		}
		w.symbol(n.Name, bind, 0, 0)
		if n.CRC == 0 {
			continue
		}
		if versions == nil {
			versions = w.add("__versions", 1)
		}
		start := versions.data.Len()
		w.word(&versions.data, uint64(n.CRC))
		versions.data.WriteString(n.Name)
		versions.data.Write(make([]byte, 64-(versions.data.Len()-start)))
	}
}

// file lays out the header, the sections and their headers.
func (w *writer) file() []byte {
	names := w.add(".shstrtab", 3)
	for _, s := range w.sections {
		s.nameOffset = uint32(names.data.Len())
		names.data.WriteString(s.name + "\x00")
	}
	headSize, entSize := uint64(64), uint16(64)
	if w.m.Is32 {
		headSize, entSize = 52, 40
	}
	var body, heads bytes.Buffer
	for _, s := range w.sections {
		binary.Write(&heads, w.order, []uint32{s.nameOffset, s.typ})
		w.word(&heads, 0)
		w.word(&heads, 0)
		w.word(&heads, headSize+uint64(body.Len()))
		w.word(&heads, uint64(s.data.Len()))
		binary.Write(&heads, w.order, []uint32{s.link, 0})
		w.word(&heads, 1)
		w.word(&heads, s.entsize)
		body.Write(s.data.Bytes())
	}
	out := w.header(headSize, headSize+uint64(body.Len()), entSize)
	out = append(out, body.Bytes()...)
	return append(out, heads.Bytes()...)
}

func (w *writer) header(headSize, shoff uint64, entSize uint16) []byte {
	class, order, typ, machine := byte(2), byte(1), w.m.Type, w.m.Machine
	if w.m.Is32 {
		class = 1
	}
	if w.m.Big {
		order = 2
	}
	if typ == 0 {
		typ = 1
	}
	if machine == 0 {
		machine = 62
	}
	var b bytes.Buffer
	b.Write([]byte{0x7f, 'E', 'L', 'F', class, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	binary.Write(&b, w.order, []uint16{typ, machine})
	binary.Write(&b, w.order, uint32(1))
	w.word(&b, 0)
	w.word(&b, 0)
	w.word(&b, shoff)
	binary.Write(&b, w.order, uint32(0))
	n := uint16(len(w.sections))
	binary.Write(&b, w.order, []uint16{uint16(headSize), 0, 0, entSize, n, n - 1})
	return b.Bytes()
}

// WriteTree writes files below root/lib/modules/Release, without an index.
// Paths are relative to that folder, such as kernel/fs/a.ko or modules.order.
func WriteTree(root string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(root, "lib/modules", Release, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
