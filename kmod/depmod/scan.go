// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// scanned is what an index needs of one module.
type scanned struct {
	aliases, softdeps, weakdeps []string
	exports, needs              []scannedSymbol
	err                         error // why the file could not be read; then the rest is empty
}

type scannedSymbol struct {
	name string
	crc  uint64 // of an export, or that a need expects; 0 if unknown
	weak bool
}

// scan reads the modules on all processors.
func (x *indexer) scan() {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(x.mods)) {
		wg.Go(func() {
			s := scanner{seen: map[string]int{}}
			for {
				i := int(next.Add(1)) - 1
				if i >= len(x.mods) {
					return
				}
				x.mods[i].scanned = s.scan(x.mods[i].path)
			}
		})
	}
	wg.Wait()
	for _, m := range x.mods {
		if m.err != nil {
			x.problem(true, m.path, m.err, "failed to load symbols from %v", m.err)
		}
	}
}

// scanner reads one module after another and keeps its buffers.
type scanner struct {
	file   fileSource
	unpack ko.Unpacker
	names  []byte         // of exports and needs, concatenated
	ends   []nameEnd      // where each ends
	seen   map[string]int // needs by name
}

type nameEnd struct {
	end    int
	export bool
	weak   bool
	crc    uint64
}

// scan never fails: if a file cannot be read, the result says why.
func (s *scanner) scan(path string) *scanned {
	out := &scanned{}
	if err := s.read(path, out); err != nil {
		return &scanned{err: fileError(err, path)}
	}
	return out
}

// fileError names the file in an error about its bytes.
func fileError(err error, path string) error {
	if e, ok := errors.AsType[*ko.FormatError](err); ok {
		return &kmod.FileError{Path: path, Reason: e.Reason}
	}
	return fmt.Errorf("read module %s: %w", path, err)
}

func (s *scanner) read(path string, out *scanned) error {
	src, err := s.open(path)
	if err != nil {
		return err
	}
	defer s.file.close()
	f, err := ko.Read(src)
	if err != nil {
		return err
	}
	readScannedInfo(f.Section(".modinfo"), out)
	if err := s.symbols(f, out); err != nil {
		return err
	}
	return f.Err
}

// open opens a module. Of an uncompressed one, only what is asked for will be read.
func (s *scanner) open(path string) (ko.Source, error) {
	if err := s.file.open(path); err != nil {
		return nil, err
	}
	head, err := s.file.At(0, min(s.file.Size(), 64))
	if err == nil && ko.Compression(head) == ko.None {
		return &s.file, nil
	}
	defer s.file.close()
	if err != nil {
		return nil, err
	}
	raw, err := s.file.At(0, s.file.Size())
	if err != nil {
		return nil, err
	}
	data, err := s.unpack.Unpack(raw)
	return ko.Bytes(data), err
}

// readScannedInfo takes the fields that an index has. A field without = has no value.
func readScannedInfo(data []byte, out *scanned) {
	for len(data) > 0 {
		field, rest, _ := bytes.Cut(data, []byte{0})
		data = rest
		if len(field) < 5 || field[0] != 'a' && field[0] != 's' && field[0] != 'w' {
			continue
		}
		key, value, _ := bytes.Cut(field, []byte{'='})
		switch string(key) {
		case "alias":
			out.aliases = append(out.aliases, string(value))
		case "softdep":
			out.softdeps = append(out.softdeps, string(value))
		case "weakdep":
			out.weakdeps = append(out.weakdeps, string(value))
		}
	}
}

// symbols reads what the module exports and needs. Exports are the symbols with a version,
// in the order of the symbol table; if there is none, all of __ksymtab_strings.
func (s *scanner) symbols(f *ko.File, out *scanned) error {
	s.names, s.ends = s.names[:0], s.ends[:0]
	versioned := false
	err := f.Symbols(func(sym ko.Symbol) {
		switch {
		case sym.Undefined():
			s.add(sym.Name, nameEnd{weak: sym.Weak()})
		case sym.Name[0] == '_' && bytes.HasPrefix(sym.Name, []byte("__crc_")):
			crc, _ := f.CRC(sym)
			s.add(sym.Name[6:], nameEnd{export: true, crc: uint64(crc)})
			versioned = true
		}
	})
	if err != nil {
		return err
	}
	if !versioned {
		for name := range f.KsymtabNames() {
			s.add(name, nameEnd{export: true})
		}
	}
	s.finish(out)
	s.versions(f, out)
	return nil
}

func (s *scanner) add(name []byte, n nameEnd) {
	if len(name) == 0 {
		return
	}
	s.names = append(s.names, name...)
	n.end = len(s.names)
	s.ends = append(s.ends, n)
}

// finish turns the names into strings, all in one allocation.
func (s *scanner) finish(out *scanned) {
	all := string(s.names)
	exports := 0
	for _, n := range s.ends {
		if n.export {
			exports++
		}
	}
	out.exports = make([]scannedSymbol, 0, exports)
	out.needs = make([]scannedSymbol, 0, len(s.ends)-exports+1) // and module_layout
	start := 0
	for _, n := range s.ends {
		sym := scannedSymbol{name: all[start:n.end], crc: n.crc, weak: n.weak}
		start = n.end
		if n.export {
			out.exports = append(out.exports, sym)
		} else {
			out.needs = append(out.needs, sym)
		}
	}
}

// versions reads __versions. Names that the symbol table lacks are needed, too.
func (s *scanner) versions(f *ko.File, out *scanned) {
	if f.Find("__versions") == nil {
		return
	}
	clear(s.seen)
	for i, n := range out.needs {
		s.seen[n.name] = i
	}
	for name, crc := range f.Versions() {
		if len(name) == 0 {
			continue
		}
		if i, ok := s.seen[string(name)]; ok {
			out.needs[i].crc = crc
			continue
		}
		out.needs = append(out.needs, scannedSymbol{name: string(name), crc: crc})
	}
}

// fileSource reads pieces of a file into one buffer, which the next file reuses: what was
// read is valid until then.
type fileSource struct {
	f      *os.File
	length uint64
	buf    []byte
	used   int
}

func (s *fileSource) open(path string) error {
	f, size, err := ko.Open(path)
	if err == nil {
		s.f, s.length, s.used = f, uint64(size), 0
	}
	return err
}

func (s *fileSource) close() {
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
}

// Size is the length of the file when it was opened.
func (s *fileSource) Size() uint64 { return s.length }

// At reads n bytes, which lie inside the file as it was when it was opened.
func (s *fileSource) At(off, n uint64) ([]byte, error) {
	if int(n) > cap(s.buf)-s.used {
		// The slices of the old buffer keep it alive.
		s.buf, s.used = make([]byte, max(256<<10, 2*int(n))), 0
	}
	p := s.buf[s.used : s.used+int(n) : s.used+int(n)]
	got, err := s.f.ReadAt(p, int64(off))
	if errors.Is(err, io.EOF) && got < len(p) {
		return nil, ko.Invalid("it became shorter while it was read: is it still being written?")
	}
	if got < len(p) {
		return nil, err
	}
	s.used += len(p)
	return p, nil
}
