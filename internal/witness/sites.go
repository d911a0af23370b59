// SPDX-License-Identifier: MIT

package witness

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The kernel changes its own code at the sites of jump labels and static calls, which it keeps in tables of entries
// that begin with the distance from the entry to the site. A jump label's second is the distance to where it jumps to,
// and its third that to its key, with flags; a static call's second is that to its key, with flags.
var siteTables = []struct {
	start, end string
	entry      uint64 // its size
	call       bool
}{
	{"__start___jump_table", "__stop___jump_table", 16, false},
	{"__start_static_call_sites", "__stop_static_call_sites", 8, true},
}

// siteSize is how long the instruction at a site may be: six bytes if it is a conditional jump.
const siteSize = 6

// maxSites bounds a table, in bytes.
const maxSites = 16 << 20

// site is where the kernel itself changes its code.
type site struct {
	call   bool
	to     uint64 // where the jump leads to
	key    uint64
	branch bool // it jumps while the key is off
}

type sites map[uint64]site

func (r *reader) sites() (sites, error) {
	list := make(sites)
	for _, t := range siteTables {
		start, end := r.symbols(t.start), r.symbols(t.end)
		if start == 0 || end <= start || end-start > maxSites {
			continue // a kernel without them has no sites either
		}
		table, err := r.read(start, int(end-start))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.start, err)
		}
		relative := func(at uint64) uint64 {
			return start + at + uint64(int64(int32(binary.LittleEndian.Uint32(table[at:]))))
		}
		const flags = 3 // a tail call, in init code; of a label: it jumps while the key is off, in init code
		for at := uint64(0); at+t.entry <= uint64(len(table)); at += t.entry {
			if t.call {
				list[relative(at)] = site{call: true, key: relative(at+4) &^ flags}
				continue
			}
			key := start + at + 8 + binary.LittleEndian.Uint64(table[at+8:])
			list[relative(at)] = site{to: relative(at + 4), key: key &^ flags, branch: key&1 != 0}
		}
	}
	return list, nil
}

// legal reports whether an address is in a site, and what is there now is something that the kernel puts there. end is
// the end of that instruction, or of the one before.
func (r *reader) legal(sites sites, p patch, at uint64) (end uint64, legal bool, err error) {
	for start := at; start > at-siteSize; start-- {
		s, ok := sites[start]
		before, text := p.before.instruction(start), p.after.instruction(start)
		if !ok || text == nil {
			continue
		}
		size := length(text)
		if end = start + max(length(before), size); at >= end {
			continue
		}
		if s.call {
			legal, err = r.calls(text, start, s.key)
		} else if size == length(before) || before[0] == opBreak { // a breakpoint: it was being patched
			legal, err = r.jumps(text, start, s)
		}
		return end, legal, err
	}
	return 0, false, nil
}

// jumps reports whether a jump label does what its key says: the key begins with a counter, which is negative while it
// is being turned on.
func (r *reader) jumps(text []byte, at uint64, s site) (bool, error) {
	enabled, err := r.read(s.key+uint64(r.layout["static_key.enabled"]), 4)
	if err != nil {
		return false, fmt.Errorf("read the key of a jump label: %w", err)
	}
	jumps := (binary.LittleEndian.Uint32(enabled) != 0) != s.branch
	if !jumps {
		return isNop(text), nil
	}
	return (text[0] == opJump || text[0] == opJumpShort) && target(text, at) == s.to, nil
}

// length is how long an instruction at a site is, in bytes.
func length(text []byte) uint64 {
	switch {
	case text[0] == opJumpShort || strings.HasPrefix(string(text), nops[len(nops)-1]):
		return 2
	case conditional(text):
		return 6
	}
	return 5
}

// returnsZero are what a static call becomes that only returns zero, from 5.11 to 5.16 and since.
var returnsZero = []string{"\x66\x66\x48\x31\xc0", "\x2e\x2e\x2e\x31\xc0"}

// calls reports whether a static call does what its key says: the key begins with the function.
func (r *reader) calls(text []byte, at, key uint64) (bool, error) {
	function, err := r.word(key)
	if err != nil {
		return false, fmt.Errorf("read the key of a static call: %w", err)
	}
	zero := r.symbols("__static_call_return0")
	switch {
	case text[0] == opCall || text[0] == opJump || conditional(text):
		to := target(text, at)
		return to == function || function == 0 && r.isText(to), nil // that of nothing jumps to where the kernel returns
	case isNop(text) || text[0] == opReturn:
		return function == 0, nil
	}
	for _, z := range returnsZero {
		if strings.HasPrefix(string(text), z) {
			return zero != 0 && function == zero, nil
		}
	}
	return false, nil
}

// A static call that is not inlined goes through a function that is only a jump. It has the name of the key.
const (
	trampolineName = "__SCT__"
	keyName        = "__SCK__"
)

// trampoline reports whether a function is such a trampoline, and does what its key says.
func (r *reader) trampoline(function string, after code, at uint64) (bool, error) {
	name, ok := strings.CutPrefix(function, trampolineName)
	key, text := r.symbols(keyName+name), after.instruction(at)
	if !ok || key == 0 || text == nil {
		return false, nil
	}
	return r.calls(text, at, key)
}
