// SPDX-License-Identifier: MIT

package witness

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// code is a part of the kernel that nothing changes while it runs, but for some sites.
type code struct {
	at   uint64
	data []byte
}

// parts are the ends of the kernel's code, and of its constants, among them the table of system calls.
var parts = [][2]string{{"_stext", "_etext"}, {"__start_rodata", "__end_rodata"}}

// maxCode bounds one of the parts, in bytes. Debian's kernels have 14 to 18 MiB of code.
const maxCode = 128 << 20

func (r *reader) code() ([]code, error) {
	var list []code
	for _, p := range parts {
		start, end := r.symbols(p[0]), r.symbols(p[1])
		if start == 0 || end <= start || end-start > maxCode {
			return nil, r.lacks("the kernel's code")
		}
		data, err := r.physical.ReadPhysical(start-imageMap, int(end-start))
		if err != nil {
			return nil, fmt.Errorf("read the kernel's code: %w", err)
		}
		if uint64(len(data)) != end-start {
			return nil, fmt.Errorf("read the kernel's code: it has only %d bytes", len(data))
		}
		list = append(list, code{start, data})
	}
	return list, nil
}

// The kernel changes its own code at the sites of jump labels and static calls, which it keeps in tables of entries
// that begin with the distance from the entry to the site. siteSize is how long the instruction there may be.
var siteTables = []struct {
	start, end string
	entry      uint64 // its size
}{
	{"__start___jump_table", "__stop___jump_table", 16},
	{"__start_static_call_sites", "__stop_static_call_sites", 8},
}

const siteSize = 5

// maxSites bounds a table, in bytes.
const maxSites = 16 << 20

// sites are the addresses that the kernel itself may change.
func (r *reader) sites() (map[uint64]bool, error) {
	may := make(map[uint64]bool)
	for _, t := range siteTables {
		start, end := r.symbols(t.start), r.symbols(t.end)
		if start == 0 || end <= start || end-start > maxSites {
			continue // a kernel without them has no sites either
		}
		table, err := r.read(start, int(end-start))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.start, err)
		}
		for at := uint64(0); at+t.entry <= uint64(len(table)); at += t.entry {
			site := start + at + uint64(int64(int32(binary.LittleEndian.Uint32(table[at:]))))
			for n := range uint64(siteSize) {
				may[site+n] = true
			}
		}
	}
	return may, nil
}

// trampoline begins the name of a function that is only a jump, which a static call changes.
const trampoline = "__SCT__"

// changed returns the functions whose code differs, in order, each once.
func (r *reader) changed(before, after []code, name func(addr uint64) string) ([]string, error) {
	var at []uint64
	for i := range min(len(before), len(after)) {
		at = append(at, differing(before[i], after[i])...)
	}
	if len(at) == 0 {
		return nil, nil
	}
	may, err := r.sites()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, addr := range at {
		if may[addr] {
			continue
		}
		of, _, _ := strings.Cut(name(addr), "+")
		if strings.HasPrefix(of, trampoline) || len(names) > 0 && names[len(names)-1] == of {
			continue
		}
		names = append(names, of)
	}
	return names, nil
}

// maxDiffering bounds the addresses that are looked at.
const maxDiffering = 1 << 16

// differing are the addresses of the bytes that differ.
func differing(a, b code) (list []uint64) {
	const block = 4096
	for at := 0; at < len(a.data) && at < len(b.data) && len(list) < maxDiffering; at += block {
		end := min(at+block, len(a.data), len(b.data))
		if string(a.data[at:end]) == string(b.data[at:end]) {
			continue
		}
		for n := at; n < end; n++ {
			if a.data[n] != b.data[n] {
				list = append(list, a.at+uint64(n))
			}
		}
	}
	return list
}
