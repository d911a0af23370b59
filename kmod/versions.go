// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// ReadVersions returns the symbols of a module's __versions table, in its order: the
// version of each needed symbol that the headers promised. data are the plain bytes of
// a module file (see ReadModule). Without CONFIG_MODVERSIONS there are none.
func ReadVersions(data []byte) ([]Symbol, error) {
	f, err := ko.Parse(data)
	if err != nil {
		return nil, fileError(err, "")
	}
	var all []Symbol
	for name, crc := range f.Versions() {
		all = append(all, Symbol{Name: string(name), CRC: uint32(crc), HasCRC: true})
	}
	return all, nil
}

// ReadExports returns what a module exports, in the order of its symbol table; without
// symbol versions, in the order of __ksymtab_strings. data are the plain bytes of a
// module file.
func ReadExports(data []byte) ([]Export, error) {
	f, err := ko.Parse(data)
	if err != nil {
		return nil, fileError(err, "")
	}
	var all []Export
	err = f.Symbols(func(s ko.Symbol) {
		if name, ok := bytes.CutPrefix(s.Name, []byte("__crc_")); ok {
			e := Export{Name: string(name)}
			e.CRC, e.HasCRC = f.CRC(s)
			all = append(all, e)
		}
	})
	if err != nil || all != nil {
		return all, fileError(err, "")
	}
	for name := range f.KsymtabNames() {
		if len(name) > 0 {
			all = append(all, Export{Name: string(name)})
		}
	}
	return all, nil
}
