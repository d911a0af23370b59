// SPDX-License-Identifier: MIT

// Package modmem reads from a guest's memory what its kernel knows of a module that it is just loading: the name, init,
// and where the sections are. The guest is not trusted.
package modmem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Members are those of the kernel's structures that are read, by struct.member. The kernels differ: an attribute of a
// section has its address in a structure of its own up to 6.13, and as its private pointer since.
var Members = []string{
	nameAt, initAt, attrsAt, listAt, attrNameAt, privateAt, addressAt, withinAt,
}

const (
	nameAt     = "module.name"
	initAt     = "module.init"
	attrsAt    = "module.sect_attrs"
	listAt     = "module_sect_attrs.grp.bin_attrs"
	attrNameAt = "bin_attribute.attr.name"
	privateAt  = "bin_attribute.private"
	addressAt  = "module_sect_attr.address"
	withinAt   = "module_sect_attr.battr"
)

// Memory reads a guest's memory.
type Memory interface {
	Read(at uint64, size int) ([]byte, error)
}

// Module is what is known of a module.
type Module struct {
	Name     string
	Init     uint64 // 0 for none
	Sections []Section
}

// Section is a section of the module, where it is loaded.
type Section struct {
	Name string
	Addr uint64
}

const (
	wordSize    = 8
	maxName     = 56  // of a module: MODULE_NAME_LEN
	maxSections = 512 // kernels have some 40
	maxSection  = 64  // bytes of a section's name
)

// errUnknown means that the kernel's types do not say where something is.
var errUnknown = errors.New("the kernel's types do not say where")

// Name reads the name of the struct module at an address.
func Name(mem Memory, layout map[string]uint32, at uint64) (string, error) {
	off, ok := layout[nameAt]
	if !ok {
		return "", fmt.Errorf("read the module's name: %w", errUnknown)
	}
	name, err := text(mem, at+uint64(off), maxName)
	if err != nil {
		return "", fmt.Errorf("read the module's name: %w", err)
	}
	return name, nil
}

// Read reads the struct module at an address. After an error about its sections the rest is there.
func Read(mem Memory, layout map[string]uint32, at uint64) (*Module, error) {
	m := &Module{}
	var err error
	if m.Name, err = Name(mem, layout, at); err != nil {
		return nil, err
	}
	off, ok := layout[initAt]
	if !ok {
		return m, fmt.Errorf("read the address of its init: %w", errUnknown)
	}
	if m.Init, err = word(mem, at+uint64(off)); err != nil {
		return m, fmt.Errorf("read the address of its init: %w", err)
	}
	if m.Sections, err = sections(mem, layout, at); err != nil {
		return m, fmt.Errorf("read where its sections are: %w", err)
	}
	return m, nil
}

// sections reads the attributes that /sys/module/NAME/sections shows. The list of pointers to them ends with 0.
func sections(mem Memory, layout map[string]uint32, at uint64) ([]Section, error) {
	for _, member := range []string{attrsAt, listAt, attrNameAt} {
		if _, ok := layout[member]; !ok {
			return nil, errUnknown
		}
	}
	address, ok := addressOf(layout)
	if !ok {
		return nil, errUnknown
	}
	attrs, err := word(mem, at+uint64(layout[attrsAt]))
	if err != nil {
		return nil, err
	}
	list, err := word(mem, attrs+uint64(layout[listAt]))
	if err != nil {
		return nil, err
	}
	var found []Section
	for {
		attr, err := word(mem, list+uint64(len(found)*wordSize))
		if err != nil {
			return found, err
		}
		if attr == 0 {
			return found, nil
		}
		if len(found) == maxSections {
			return found, fmt.Errorf("it has more than %d", maxSections)
		}
		s, err := section(mem, attr+uint64(layout[attrNameAt]), attr+address)
		if err != nil {
			return found, err
		}
		found = append(found, s)
	}
}

// addressOf is where an attribute has the section's address.
func addressOf(layout map[string]uint32) (uint64, bool) {
	if address, ok := layout[addressAt]; ok {
		within, ok := layout[withinAt]
		return uint64(address) - uint64(within), ok
	}
	private, ok := layout[privateAt]
	return uint64(private), ok
}

func section(mem Memory, nameAt, addrAt uint64) (Section, error) {
	name, err := word(mem, nameAt)
	if err != nil {
		return Section{}, err
	}
	var s Section
	if s.Name, err = text(mem, name, maxSection); err != nil {
		return s, err
	}
	if !plain(s.Name) {
		return s, fmt.Errorf("%q is no name of a section", s.Name)
	}
	s.Addr, err = word(mem, addrAt)
	return s, err
}

// plain reports whether a name has only what compilers and linkers put into one.
func plain(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._$-"
	return name != "" && strings.Trim(name, letters) == ""
}

func word(mem Memory, at uint64) (uint64, error) {
	data, err := mem.Read(at, wordSize)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(data), nil
}

// text reads a string. It is read in small parts, for what follows it may not be there.
func text(mem Memory, at uint64, most int) (string, error) {
	var all []byte
	for len(all) < most {
		n := min(wordSize-int(at%wordSize), most-len(all))
		part, err := mem.Read(at, n)
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(part, 0); end >= 0 {
			return string(append(all, part[:end]...)), nil
		}
		all, at = append(all, part...), at+uint64(n)
	}
	return "", fmt.Errorf("the name is longer than %d bytes", most)
}
