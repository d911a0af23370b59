// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// Module is what one module file says about itself.
type Module struct {
	Name    string // underscore form: from the file's name, or from .modinfo if there is no file
	Path    string // empty for bytes without a file
	Info    Info
	Exports []Export
	Needs   []Symbol // undefined symbols, in table order, each once
	Machine uint16   // ELF machine number, see MachineName
	Size    int64    // bytes of the file as stored, compressed or not
	Packing Compression
	HasInit bool
	HasExit bool // a module with an init function and without this cannot be unloaded
	Signed  bool
}

// Export is a symbol that a module offers to others.
type Export struct {
	Name      string
	CRC       uint32 // of its prototype
	HasCRC    bool   // false without CONFIG_MODVERSIONS
	GPL       bool   // for modules with a GPL-compatible licence only
	Namespace string // empty for most
}

// Symbol is a symbol that a module needs from the kernel or another module.
type Symbol struct {
	Name   string
	CRC    uint32 // that the module was built against
	HasCRC bool
	Weak   bool // may be missing
}

// info is what the module says about itself; a nil Module says nothing.
func (m *Module) info() Info {
	if m == nil {
		return nil
	}
	return m.Info
}

// Depends returns the modules that depends= names, in underscore form.
func (m *Module) Depends() []string {
	var names []string
	for d := range strings.SplitSeq(m.info().Get("depends"), ",") {
		if d = strings.TrimSpace(d); d != "" {
			names = append(names, CanonicalName(d))
		}
	}
	return names
}

// Vermagic is the kernel release and the flags that the module was built for; "" for an
// object that modpost has not finished.
func (m *Module) Vermagic() string { return m.info().Get("vermagic") }

// CanonicalName is the underscore form of a module's name or file name: directories and
// everything from the first dot on are dropped. Of "", "/" and ".." nothing remains.
func CanonicalName(name string) string {
	if name = filepath.Base(name); name == string(filepath.Separator) {
		return ""
	}
	name, _, _ = strings.Cut(name, ".")
	return strings.ReplaceAll(name, "-", "_")
}

// ReadModule returns the decompressed bytes of a module file. They are not examined, so
// they need not be a module.
func ReadModule(path string) ([]byte, error) {
	data, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	data, err = Decompress(data)
	return data, fileError(err, path)
}

// OpenModule reads and parses one module file, compressed or not, and closes it. A file
// that is not a module is a *FileError.
func OpenModule(path string) (*Module, error) {
	raw, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	data, err := Decompress(raw)
	if err != nil {
		return nil, fileError(err, path)
	}
	m, err := ParseModule(data)
	if err != nil {
		return nil, fileError(err, path)
	}
	m.Name, m.Path = CanonicalName(path), path
	m.Size, m.Packing = int64(len(raw)), CompressionOf(raw)
	return m, nil
}

// ReadFile returns the bytes of a module file as they are, compressed or not. What is
// not a regular file is a *FileError: reading a FIFO would block for ever, and /dev/zero
// would fill memory. One of more than 512 MiB is ErrTooLarge.
func ReadFile(path string) ([]byte, error) {
	f, size, err := openModule(path, "read module")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, size)
	n, err := io.ReadFull(f, buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF { // a file that shrank is read to its end
		return nil, fmt.Errorf("read module: %w", err)
	}
	return buf[:n], nil
}

// openModule opens a regular file that is no larger than a module. What is to be done with it begins the error.
func openModule(path, purpose string) (*os.File, int64, error) {
	f, size, err := ko.Open(path)
	if _, named := errors.AsType[*fs.PathError](err); named {
		return nil, 0, fmt.Errorf("%s: %w", purpose, err)
	}
	return f, size, fileError(err, path)
}

// ParseModule reads a module from its plain bytes (see Decompress). Strings in
// the result are copies. An object without .modinfo is refused. One that modpost
// has not finished may pass: it has no vermagic, which CheckVermagic reports. Every
// error is a *FileError.
func ParseModule(data []byte) (*Module, error) {
	m, err := parseModule(data)
	return m, fileError(err, "")
}

func parseModule(data []byte) (*Module, error) {
	if kind := CompressionOf(data); kind != None {
		return nil, ko.Invalid("%s data, not decompressed", kind)
	}
	f, err := ko.Parse(data)
	if err != nil {
		return nil, err
	}
	m := &Module{Machine: f.Machine, Size: int64(len(data)), Signed: bytes.HasSuffix(data, []byte(signatureMagic))}
	info := f.Find(".modinfo")
	if info == nil {
		return nil, ko.Invalid("ELF object for %s without .modinfo; build it with the kernel's make, M=DIR modules",
			ko.MachineName(f.Machine))
	}
	m.Info = parseModinfo(f.Bytes(info))
	if m.Signed {
		m.Info = append(m.Info, signatureInfo(data)...)
	}
	m.Name = CanonicalName(m.Info.Get("name"))
	if err := m.readSymbols(f); err != nil {
		return nil, err
	}
	return m, nil
}

// MachineName is the name that uname uses for an ELF machine number, such as x86_64
// for 62.
func MachineName(machine uint16) string { return ko.MachineName(machine) }

// symbolReader gathers what a module exports and needs.
type symbolReader struct {
	m       *Module
	f       *ko.File
	exports map[string]int // index in m.Exports
	needs   map[string]int // index in m.Needs
}

func (m *Module) readSymbols(f *ko.File) error {
	r := symbolReader{m, f, map[string]int{}, map[string]int{}}
	if err := f.Symbols(r.add); err != nil {
		return err
	}
	r.addVersions()
	return nil
}

// add takes one symbol. Most are the module's own and irrelevant.
func (r *symbolReader) add(s ko.Symbol) {
	switch {
	case s.Undefined():
		if name := bytes.TrimPrefix(s.Name, []byte(".")); len(name) > 0 {
			r.need(name).Weak = s.Weak()
		}
	case s.Name[0] != '_' && s.Name[0] != 'i' && s.Name[0] != 'c':
	case string(s.Name) == "init_module":
		r.m.HasInit = true
	case string(s.Name) == "cleanup_module":
		r.m.HasExit = true
	case bytes.HasPrefix(s.Name, []byte("__crc_")):
		e := r.export(s.Name[6:])
		e.CRC, e.HasCRC = r.f.CRC(s)
	case bytes.HasPrefix(s.Name, []byte("__ksymtab_")):
		r.addExport(s)
	case bytes.HasPrefix(s.Name, []byte("__kstrtabns_")):
		if r.f.SectionOf(s) != nil {
			r.export(s.Name[12:]).Namespace = r.f.StringAt(s)
		}
	}
}

// addExport takes __ksymtab_NAME, which lies in ___ksymtab+NAME or ___ksymtab_gpl+NAME; a
// linker script may have merged these into __ksymtab and __ksymtab_gpl.
func (r *symbolReader) addExport(s ko.Symbol) {
	sec := r.f.SectionOf(s)
	if sec == nil {
		return
	}
	switch kind := strings.TrimLeft(sec.Name, "_"); {
	case strings.HasPrefix(kind, "ksymtab_gpl"):
		r.export(s.Name[10:]).GPL = true
	case strings.HasPrefix(kind, "ksymtab"):
		r.export(s.Name[10:])
	}
}

func (r *symbolReader) export(name []byte) *Export {
	i, ok := r.exports[string(name)]
	if !ok {
		i = len(r.m.Exports)
		r.exports[string(name)] = i
		r.m.Exports = append(r.m.Exports, Export{Name: string(name)})
	}
	return &r.m.Exports[i]
}

func (r *symbolReader) need(name []byte) *Symbol {
	i, ok := r.needs[string(name)]
	if !ok {
		i = len(r.m.Needs)
		r.needs[string(name)] = i
		r.m.Needs = append(r.m.Needs, Symbol{Name: string(name)})
	}
	return &r.m.Needs[i]
}

// addVersions reads __versions. It names symbols that the symbol table lacks, and that
// are needed too (module_layout).
func (r *symbolReader) addVersions() {
	for name, crc := range r.f.Versions() {
		if name = bytes.TrimPrefix(name, []byte(".")); len(name) > 0 {
			s := r.need(name)
			s.CRC, s.HasCRC = uint32(crc), true
		}
	}
}
