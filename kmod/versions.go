// SPDX-License-Identifier: MIT

package kmod

import "bytes"

// ReadVersions returns the symbols of a module's __versions table, in its order:
// what the headers promised of each symbol that the module needs. data are the
// plain bytes of a module file (see ReadModule).
func ReadVersions(data []byte) ([]Symbol, error) {
	f, err := parseELF(data)
	if err != nil {
		return nil, err
	}
	const record = 64
	crcSize := f.pick(4, 8)
	var all []Symbol
	for p := f.section("__versions"); len(p) >= record; p = p[record:] {
		name := cstring(p[crcSize:record], 0)
		all = append(all, Symbol{Name: string(name), CRC: uint32(f.word(p)), HasCRC: true})
	}
	return all, nil
}

// ReadExports returns what a module exports, in the order of its symbol table,
// or without symbol versions in that of __ksymtab_strings.
func ReadExports(data []byte) ([]Export, error) {
	f, err := parseELF(data)
	if err != nil {
		return nil, err
	}
	var all []Export
	err = f.symbols(func(s elfSymbol) {
		if name, ok := bytes.CutPrefix(s.name, []byte("__crc_")); ok {
			e := Export{Name: string(name)}
			e.CRC, e.HasCRC = f.crc(s)
			all = append(all, e)
		}
	})
	if err != nil || all != nil {
		return all, err
	}
	for name := range f.ksymtabNames() {
		if len(name) > 0 {
			all = append(all, Export{Name: string(name)})
		}
	}
	return all, nil
}
