// SPDX-License-Identifier: MIT

package symfile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
)

// ORC is how a kernel without frame pointers unwinds its stack: from an address on, where the caller's stack pointer
// is, and its rbp (arch/x86/include/asm/orc_types.h). DWARF's call frame information says the same to a debugger.

// orc is an entry of ORC. It holds up to the next one's address.
type orc struct {
	at           uint64
	sp, bp       register
	spOff, bpOff int16
	kind         kind
}

// register is a base register.
type register uint8

const (
	undefined register = iota
	prevSP
	ax
	dx
	di
	bp
	sp
	r10
	r13
	bpIndirect
	otherRegister
)

// Kernels number registers and kinds differently: registers anew since 7.x, kinds since 6.4. What a kernel does shows
// in its table: nearly all entries are of a call, with the stack pointer as the base. So the most common number tells.
var (
	registersBySP = map[uint16][]register{
		5: {undefined, prevSP, dx, di, bp, sp, r10, r13, bpIndirect},
		3: {undefined, ax, dx, sp, bp, di, r10, r13, prevSP, otherRegister, bpIndirect},
	}
	kindsByCall = map[uint16][]kind{
		0: {call, regs, regsPartial, unknown},
		2: {unknown, unknown, call, regs, regsPartial},
	}
)

// kind says what is on the stack.
type kind uint8

const (
	call        kind = iota // a return address
	regs                    // all registers of an interrupted place
	regsPartial             // what the processor pushes at an interrupt
	unknown                 // nothing that is known
)

const (
	orcSize   = 6
	placeSize = 4
)

// parseORC reads the two tables. An entry's place is relative to the place's own address, which begins at base.
func parseORC(places, entries []byte, base uint64) ([]orc, error) {
	n := len(entries) / orcSize
	if len(entries)%orcSize != 0 || len(places) != n*placeSize {
		return nil, fmt.Errorf("read how the kernel unwinds: %d bytes of places do not belong to %d of entries",
			len(places), len(entries))
	}
	bitsOf := func(i int) uint16 { return binary.LittleEndian.Uint16(entries[i*orcSize+4:]) }
	registers := registersBySP[mostCommon(n, func(i int) uint16 { return bitsOf(i) & 15 })]
	kinds := kindsByCall[mostCommon(n, func(i int) uint16 { return bitsOf(i) >> 8 & 3 })]
	if registers == nil || kinds == nil {
		return nil, fmt.Errorf("read how the kernel unwinds: its ORC tables number registers in an unknown way")
	}
	list := make([]orc, 0, n)
	for i := range n {
		rel := int32(binary.LittleEndian.Uint32(places[i*placeSize:]))
		e := entries[i*orcSize:]
		bits := bitsOf(i)
		kindBits := bits >> 8 & 7
		if len(kinds) == 4 { // two bits; another one marks the end
			kindBits &= 3
		}
		list = append(list, orc{
			at:    base + uint64(i*placeSize) + uint64(int64(rel)),
			spOff: int16(binary.LittleEndian.Uint16(e)), bpOff: int16(binary.LittleEndian.Uint16(e[2:])),
			sp: nth(registers, bits&15, otherRegister), bp: nth(registers, bits>>4&15, otherRegister),
			kind: nth(kinds, kindBits, unknown),
		})
	}
	slices.SortStableFunc(list, func(a, b orc) int { return cmp.Compare(a.at, b.at) })
	return list, nil
}

// nth is list[i], or other where the list ends earlier.
func nth[T any](list []T, i uint16, other T) T {
	if int(i) < len(list) {
		return list[i]
	}
	return other
}

// mostCommon is the number, up to 15, that most entries have.
func mostCommon(n int, number func(i int) uint16) uint16 {
	var count [16]int
	for i := range n {
		count[number(i)&15]++
	}
	return uint16(slices.Index(count[:], slices.Max(count[:])))
}

// DWARF's numbers of registers, and its instructions (DWARF 5, 6.4.2).
const (
	dwRAX, dwRDX, dwRBX, dwRDI, dwRBP, dwRSP = 0, 1, 3, 5, 6, 7
	dwR10, dwR12, dwR13, dwRA                = 10, 12, 13, 16

	cfaAdvance1, cfaAdvance2, cfaAdvance4 = 0x02, 0x03, 0x04
	cfaUndefined, cfaSame                 = 0x07, 0x08
	cfaDefine, cfaExpression              = 0x0c, 0x0f
	cfaOffsetSigned, cfaDefineSigned      = 0x11, 0x12
	cfaRestore                            = 0xc0
	opDeref, opBreg                       = 0x06, 0x70

	dataAlign = -8
)

// saved is where struct pt_regs has what DWARF numbers so, in bytes.
var saved = []struct{ number, at int64 }{
	{15, 0}, {14, 8}, {13, 16}, {12, 24}, {dwRBP, 32}, {dwRBX, 40}, {11, 48}, {10, 56}, {9, 64}, {8, 72}, {0, 80},
	{2, 88}, {1, 96}, {4, 104}, {5, 112}, {dwRA, 128}, {dwRSP, 152},
}

// frames makes a .debug_frame with an entry for each function, so that a debugger has little to go through.
func frames(list []orc, functions []uint64) []byte {
	out := commonEntry()
	for i, from := range functions {
		if i+1 == len(functions) {
			break
		}
		to := functions[i+1]
		first := sort.Search(len(list), func(n int) bool { return list[n].at > from }) - 1
		if first < 0 {
			continue
		}
		end := sort.Search(len(list), func(n int) bool { return list[n].at >= to })
		if body := program(list[first:end], from); body != nil {
			out = append(out, functionEntry(from, to, body)...)
		}
	}
	return out
}

// commonEntry says what holds for all functions. What ORC does not tell is undefined: a debugger says so, and does not
// take a wrong value for a variable's.
func commonEntry() []byte {
	body := []byte{0xff, 0xff, 0xff, 0xff, 1, 0, 1} // its number, version, no augmentation, code is aligned by 1
	body = appendSigned(body, dataAlign)
	body = append(body, dwRA, cfaDefine, dwRSP, 8)
	body = append(body, 0x80|dwRA, 1)
	for _, r := range []byte{dwRBX, dwR12, dwR13, 14, 15} {
		body = append(body, cfaUndefined, r)
	}
	return entry(body)
}

func functionEntry(from, to uint64, program []byte) []byte {
	body := make([]byte, 20, 20+len(program)) // the common entry is at 0
	binary.LittleEndian.PutUint64(body[4:], from)
	binary.LittleEndian.PutUint64(body[12:], to-from)
	return entry(append(body, program...))
}

// entry pads with no-ops, and puts the length before.
func entry(body []byte) []byte {
	for len(body)%8 != 4 {
		body = append(body, 0)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// program is how the rules change from the function's first address on; nil if nothing is known of any of it.
func program(list []orc, from uint64) []byte {
	var out []byte
	at, wasRegs, known := from, false, false
	for _, o := range list {
		if o.at > at {
			out = appendAdvance(out, o.at-at)
			at = o.at
		}
		isRegs := o.kind == regs || o.kind == regsPartial
		if wasRegs && !isRegs {
			for _, s := range saved {
				out = appendRestore(out, s.number)
			}
		}
		rule, ok := rules(o)
		known = known || ok
		out, wasRegs = append(out, rule...), isRegs
	}
	if !known {
		return nil
	}
	return out
}

// rules are those of one entry. ok is false if the stack ends there, or nobody knows how it goes on.
func rules(o orc) (out []byte, ok bool) {
	base, plain := map[register]byte{ax: dwRAX, dx: dwRDX, di: dwRDI, bp: dwRBP, sp: dwRSP, r10: dwR10, r13: dwR13}[o.sp]
	switch {
	case o.kind != unknown && plain:
		out = append(out, cfaDefineSigned, base)
		out = appendSigned(out, int64(o.spOff)/dataAlign)
		if o.spOff%dataAlign != 0 {
			return append(out[:0], cfaUndefined, dwRA), false
		}
	case o.kind != unknown && o.sp == bpIndirect:
		expression := append(appendSigned([]byte{opBreg + dwRBP}, int64(o.spOff)), opDeref)
		out = append(append(out, cfaExpression, byte(len(expression))), expression...)
	default:
		return append(out, cfaUndefined, dwRA), false
	}
	switch o.kind {
	case regs:
		for _, s := range saved {
			out = appendSaved(out, s.number, s.at)
		}
		return out, true
	case regsPartial: // rip, cs, flags, rsp
		return appendSaved(appendSaved(out, dwRA, 0), dwRSP, 24), true
	}
	out = appendSaved(out, dwRA, -8)
	switch o.bp {
	case undefined:
		out = append(out, cfaSame, dwRBP)
	case prevSP:
		out = appendSaved(out, dwRBP, int64(o.bpOff))
	default:
		out = append(out, cfaUndefined, dwRBP)
	}
	return out, true
}

// appendSaved says that a register is saved, so many bytes from where the caller's stack pointer was.
func appendSaved(out []byte, register, at int64) []byte {
	out = append(out, cfaOffsetSigned, byte(register))
	return appendSigned(out, at/dataAlign)
}

func appendRestore(out []byte, register int64) []byte { return append(out, cfaRestore|byte(register)) }

func appendAdvance(out []byte, by uint64) []byte {
	switch {
	case by < 1<<8:
		return append(out, cfaAdvance1, byte(by))
	case by < 1<<16:
		return binary.LittleEndian.AppendUint16(append(out, cfaAdvance2), uint16(by))
	}
	return binary.LittleEndian.AppendUint32(append(out, cfaAdvance4), uint32(by))
}

// appendSigned appends a signed LEB128.
func appendSigned(out []byte, n int64) []byte {
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return append(out, c)
		}
		out = append(out, c|0x80)
	}
}
