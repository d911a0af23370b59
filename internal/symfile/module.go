// SPDX-License-Identifier: MIT

package symfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
)

// Where a section header has its name, type and address, and the file's header the place of the headers.
const (
	typeAt, addrAt            = 4, 16
	headersAt, headerLengthAt = 0x28, 0x3a
)

// Module is a module's file for gdb. gdb places nothing of a file in which a section has an address already, as one for
// ftrace has where it was linked from several. And it follows what some sections say: the scripts that are to run when
// the file is read, and other files to be opened. These are taken out. A file that cannot be read stays as it is.
func Module(ko []byte) []byte {
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil || f.Class != elf.ELFCLASS64 || f.ByteOrder != binary.LittleEndian || f.Type != elf.ET_REL {
		return ko
	}
	out := slices.Clone(ko)
	headers := binary.LittleEndian.Uint64(out[headersAt:])
	size := uint64(binary.LittleEndian.Uint16(out[headerLengthAt:]))
	for i, s := range f.Sections {
		at := headers + uint64(i)*size
		if at+headerSize > uint64(len(out)) || at < headers {
			return ko
		}
		clear(out[at+addrAt : at+addrAt+8])
		if names := []string{".debug_gdb_scripts", ".gnu_debuglink", ".gnu_debugaltlink"}; slices.ContainsFunc(names,
			func(name string) bool { return strings.HasPrefix(s.Name, name) }) {
			binary.LittleEndian.PutUint32(out[at+typeAt:], uint32(elf.SHT_NULL))
		}
	}
	return out
}
