// SPDX-License-Identifier: MIT

package programs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// The file is a sequence of numbers (uvarint) and of bytes preceded by their length, and a checksum. It is read under
// emulation, where JSON would take as long as it saves.
const magic = "kmodlab programs 2\n"

// ErrDamaged means that the data was not made by Encode.
var ErrDamaged = errors.New("not a set of programs")

// Encode returns the set as bytes.
func (s *Set) Encode() []byte {
	w := writer{data: []byte(magic)}
	w.text(s.Kernel, s.Object)
	w.numbers(uint32(len(s.Maps)))
	for _, m := range s.Maps {
		w.text(m.Name, string(m.Contents))
		w.numbers(m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
	}
	w.numbers(uint32(len(s.Variables)))
	for _, v := range s.Variables {
		w.text(v.Name)
		w.numbers(v.Map, v.Offset, v.Size)
	}
	w.numbers(uint32(len(s.Programs)))
	for _, p := range s.Programs {
		w.text(p.Name, p.Kind, p.Target, p.License, p.Refused, string(p.Code))
		w.numbers(p.Type, p.Attach, p.TypeID)
	}
	return sum(w.data)
}

// sum adds the checksum.
func sum(data []byte) []byte {
	return binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

// Decode reads what Encode wrote. The error is ErrDamaged.
func Decode(data []byte) (*Set, error) {
	end := len(data) - crc32.Size
	if end < len(magic) || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	if binary.LittleEndian.Uint32(data[end:]) != crc32.ChecksumIEEE(data[:end]) {
		return nil, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	r := reader{data: data[:end], at: len(magic)}
	s := &Set{Kernel: r.text(), Object: r.text()}
	for range r.count() {
		m := Map{Name: r.text(), Contents: bytes.Clone(r.bytes())} // SetVariable writes there
		r.numbers(&m.Type, &m.KeySize, &m.ValueSize, &m.MaxEntries, &m.Flags)
		s.Maps = append(s.Maps, m)
	}
	for range r.count() {
		v := Variable{Name: r.text()}
		r.numbers(&v.Map, &v.Offset, &v.Size)
		s.Variables = append(s.Variables, v)
	}
	for range r.count() {
		p := Program{Name: r.text(), Kind: r.text(), Target: r.text(), License: r.text(), Refused: r.text(), Code: r.bytes()}
		r.numbers(&p.Type, &p.Attach, &p.TypeID)
		s.Programs = append(s.Programs, p)
	}
	if r.bad || r.at != end {
		return nil, fmt.Errorf("%w: it ends too early or too late", ErrDamaged)
	}
	return s, s.check()
}

// check checks that indexes and offsets are within what they point into.
func (s *Set) check() error {
	for _, v := range s.Variables {
		if int(v.Map) >= len(s.Maps) || uint64(v.Offset)+uint64(v.Size) > uint64(len(s.Maps[v.Map].Contents)) {
			return fmt.Errorf("%w: variable %q is outside its map", ErrDamaged, v.Name)
		}
	}
	for _, p := range s.Programs {
		if len(p.Code) == 0 || len(p.Code)%insnSize != 0 {
			return fmt.Errorf("%w: program %q has %d bytes", ErrDamaged, p.Name, len(p.Code))
		}
	}
	return nil
}

type writer struct{ data []byte }

func (w *writer) numbers(list ...uint32) {
	for _, n := range list {
		w.data = binary.AppendUvarint(w.data, uint64(n))
	}
}

func (w *writer) text(list ...string) {
	for _, s := range list {
		w.numbers(uint32(len(s)))
		w.data = append(w.data, s...)
	}
}

// reader returns zeros once something was wrong.
type reader struct {
	data []byte
	at   int
	bad  bool
}

func (r *reader) number() uint32 {
	n, size := binary.Uvarint(r.data[r.at:])
	if size <= 0 || n > math.MaxUint32 {
		r.bad, r.at = true, len(r.data)
		return 0
	}
	r.at += size
	return uint32(n)
}

func (r *reader) numbers(list ...*uint32) {
	for _, n := range list {
		*n = r.number()
	}
}

// count is how many items follow, each at least a byte long.
func (r *reader) count() int {
	n := int(r.number())
	if n > len(r.data)-r.at {
		r.bad, r.at = true, len(r.data)
		return 0
	}
	return n
}

// bytes is nil if there are none, and shares data's memory.
func (r *reader) bytes() []byte {
	n := r.count()
	b := r.data[r.at : r.at+n : r.at+n]
	r.at += n
	if n == 0 {
		return nil
	}
	return b
}

func (r *reader) text() string { return string(r.bytes()) }
