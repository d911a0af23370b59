// SPDX-License-Identifier: MIT

package symfile

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
)

const (
	maxNotes    = 1 << 20
	noteBuildID = 3
)

// BuildID is what the linker has called a kernel; "" if it has no such note. Two files of one build have the same.
func BuildID(f *elf.File) string {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOTE || s.Size > maxNotes {
			continue
		}
		notes, err := s.Data()
		if err != nil {
			continue
		}
		if id := buildIDOf(notes); id != "" {
			return id
		}
	}
	return ""
}

// buildIDOf looks through notes: the sizes of name and content, the type, then both, each padded to four bytes.
func buildIDOf(notes []byte) string {
	for len(notes) >= 12 {
		nameSize, size := binary.LittleEndian.Uint32(notes), binary.LittleEndian.Uint32(notes[4:])
		content := 12 + (uint64(nameSize)+3)&^3
		next := content + (uint64(size)+3)&^3
		if next > uint64(len(notes)) {
			return ""
		}
		if binary.LittleEndian.Uint32(notes[8:]) == noteBuildID && string(notes[12:12+nameSize]) == "GNU\x00" {
			return hex.EncodeToString(notes[content : content+uint64(size)])
		}
		notes = notes[next:]
	}
	return ""
}
