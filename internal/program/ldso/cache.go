// SPDX-License-Identifier: MIT

package ldso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
)

// The formats of /etc/ld.so.cache (glibc's sysdeps/generic/dl-cache.h). Up to glibc 2.31, ldconfig put the newer one
// behind the older one by default; offsets of strings count from where the newer one begins.
const (
	oldMagic   = "ld.so-1.7.0"
	oldHeader  = 16 // magic, padding, number of entries
	oldEntry   = 12
	newMagic   = "glibc-ld.so.cache1.1"
	newHeader  = 48 // magic, number of entries, size of the strings, flags, unused
	newEntry   = 24 // flags, name, path, OS version, hardware capabilities
	flagsAt    = 28
	wrongOrder = 3 // of the flags: the file is big-endian
	// libX8664 are the flags of a library for x86-64 and glibc.
	libX8664 = 0x0303
	// maxCache bounds the file. One of 2,000 libraries has 130 KB.
	maxCache = 8 << 20
)

var errCache = errors.New("it is not a cache of libraries as glibc has it since 2.2, or it is damaged")

// parseCache reads the cache of libraries: names, and the paths of what is for x86-64. Of several libraries of a name
// it takes the first, and none for special processors.
func parseCache(data []byte) (map[string]string, error) {
	data, ok := newFormat(data)
	if !ok || len(data) < newHeader || data[flagsAt]&3 == wrongOrder {
		return nil, errCache
	}
	order := binary.LittleEndian
	number := uint64(order.Uint32(data[len(newMagic):]))
	entries := data[newHeader:]
	if number > uint64(len(entries))/newEntry {
		return nil, errCache
	}
	text := string(data) // of which all names and paths are parts, so that many entries for one string take little memory
	paths := make(map[string]string)
	for ; number > 0; number-- {
		entry := entries[:newEntry]
		entries = entries[newEntry:]
		if order.Uint32(entry) != libX8664 || order.Uint64(entry[16:]) != 0 {
			continue
		}
		name, path := stringAt(text, order.Uint32(entry[4:])), stringAt(text, order.Uint32(entry[8:]))
		if _, has := paths[name]; !has && name != "" && strings.HasPrefix(path, "/") {
			paths[name] = path
		}
	}
	return paths, nil
}

// newFormat skips what is in the older format.
func newFormat(data []byte) ([]byte, bool) {
	if bytes.HasPrefix(data, []byte(oldMagic)) && len(data) >= oldHeader {
		number := uint64(binary.LittleEndian.Uint32(data[oldHeader-4:]))
		at := (oldHeader + number*oldEntry + 7) &^ 7
		if at > uint64(len(data)) {
			return nil, false
		}
		data = data[at:]
	}
	return data, bytes.HasPrefix(data, []byte(newMagic))
}

// maxEntry bounds a name or a path. So few bytes are looked at for each entry.
const maxEntry = 4096

// stringAt returns the string at an offset; it is empty if there is none, or a long one.
func stringAt(text string, off uint32) string {
	if uint64(off) >= uint64(len(text)) {
		return ""
	}
	s, _, ends := strings.Cut(text[off:min(uint64(len(text)), uint64(off)+maxEntry)], "\x00")
	if !ends {
		return ""
	}
	return s
}
