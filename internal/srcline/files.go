// SPDX-License-Identifier: MIT

package srcline

import (
	"debug/dwarf"
	"encoding/binary"
	"path"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// SourceDir is where debug information says that a module's sources lie: builds map
// their own copy to it.
const SourceDir = "/build/src"

// headersPath is where a kernel's own headers lie when a module is built.
var headersPath = lazyregexp.New(`^.*/linux-headers-[^/]+/`)

// Name returns a source file's name as a person knows it: relative to the folder that
// was built, or to the kernel's headers.
func Name(file string) string {
	name, _ := shorten(file)
	return name
}

// Header reports whether a source file is one of the kernel's own headers.
func Header(file string) bool {
	_, header := shorten(file)
	return header
}

func shorten(file string) (name string, header bool) {
	if file == "" {
		return "", false
	}
	file = path.Clean(strings.ReplaceAll(file, "\\", "/"))
	if headersPath.MatchString(file) {
		return headersPath.ReplaceAllString(file, ""), true
	}
	return strings.TrimPrefix(file, SourceDir+"/"), false
}

// maxFiles bounds the names that Files returns.
const maxFiles = 1 << 16

// Files returns the names of the source files that the line tables know, as Position
// has them, without the kernel's own headers. What is damaged is left out.
func (m *Module) Files() (names []string) {
	var err error
	defer guard("list source files", &err)
	seen := make(map[string]bool)
	r := m.data.Reader()
	for _, at := range m.units {
		r.Seek(at)
		unit, err := r.Next()
		if err != nil || unit == nil || unit.Tag != dwarf.TagCompileUnit {
			continue
		}
		lines, err := m.data.LineReader(unit)
		if err != nil || lines == nil {
			continue
		}
		for _, f := range lines.Files() {
			if f == nil || seen[f.Name] || Header(f.Name) || len(names) == maxFiles {
				continue
			}
			seen[f.Name] = true
			names = append(names, f.Name)
		}
	}
	return names
}

// Lengths of a unit's header, 32-bit DWARF, from its length field on.
const (
	header4 = 11 // version 4: length, version, abbreviations, size of addresses
	header5 = 12 // version 5, a compilation unit: the same and the unit's type

	unitType    = 6 // of version 5, its place in the header
	typeUnit    = 2 // DW_UT_type: it has no code
	typeUnitDWO = 6 // DW_UT_split_type
	skeleton    = 4 // DW_UT_skeleton: with an identifier of 8 bytes
)

// units returns the offset of each unit's first entry. To skip from one to the next
// by their entries means to read them all. 64-bit DWARF, which no compiler makes
// without being asked, has none.
func units(info []byte, order binary.ByteOrder) []dwarf.Offset {
	var list []dwarf.Offset
	for at := uint64(0); at+header5 <= uint64(len(info)); {
		length := uint64(order.Uint32(info[at:]))
		if length >= 0xfffffff0 {
			break
		}
		header, code := uint64(header4), true
		if order.Uint16(info[at+4:]) >= 5 {
			header = header5
			switch info[at+unitType] {
			case typeUnit, typeUnitDWO:
				code = false
			case skeleton:
				header += 8
			}
		}
		if code {
			list = append(list, dwarf.Offset(at+header))
		}
		at += 4 + length
	}
	return list
}
