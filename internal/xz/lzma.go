// SPDX-License-Identifier: MIT

package xz

import (
	"encoding/binary"
	"math/bits"
)

// Decoder decompresses one file after another into memory that it reuses. The zero
// value is ready. It must not be used by two goroutines at once.
//
// It decodes LZMA, as the chunks of LZMA2 hold it, straight into the output, which
// is at the same time the dictionary: a module is small enough to be whole in
// memory. The names and the tables are those of the LZMA specification.
type Decoder struct {
	in  []byte // the chunk, followed by at least lzmaSlack bytes of padding
	now coder  // state at the start of the chunk

	out  []byte // the result, followed by lzmaSlack bytes
	pos  int    // how much of out is written
	base int    // where the dictionary begins

	lc, lpMask, pbMask uint
	state              uint
	rep                [4]int

	isMatch, isRep0Long              [lzmaStates << 4]uint16
	isRep, isRepG0, isRepG1, isRepG2 [lzmaStates]uint16
	matchLen, repLen                 lzmaLength
	posSlot                          [4][64]uint16
	posSpecial                       [128]uint16
	posAlign                         [16]uint16
	literal                          [16][0x300]uint16
}

type lzmaLength struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

const (
	lzmaStates   = 12
	lzmaHalf     = 1 << 10 // a probability of one half
	lzmaFull     = 1 << 11
	lzmaShift    = 5
	lzmaTop      = 1 << 24
	lzmaMinMatch = 2
	// lzmaSlack exceeds what one symbol can take from the input, so the bounds are
	// checked once after each symbol, not at each byte. It is also how far a short
	// match may write beyond its end.
	lzmaSlack = 32
)

// setProps takes the properties byte; false for one that LZMA2 does not allow.
func (d *Decoder) setProps(b byte) bool {
	lc, rest := uint(b%9), uint(b/9)
	lp, pb := rest%5, rest/5
	if pb > 4 || lc+lp > 4 {
		return false
	}
	d.lc, d.lpMask, d.pbMask = lc, 1<<lp-1, 1<<pb-1
	return true
}

// resetState forgets what was learned.
func (d *Decoder) resetState() {
	d.state, d.rep = 0, [4]int{}
	half(d.isMatch[:], d.isRep0Long[:], d.isRep[:], d.isRepG0[:], d.isRepG1[:], d.isRepG2[:])
	half(d.posSpecial[:], d.posAlign[:])
	for i := range d.posSlot {
		half(d.posSlot[i][:])
	}
	for i := range d.literal {
		half(d.literal[i][:])
	}
	d.matchLen.reset()
	d.repLen.reset()
}

func (l *lzmaLength) reset() {
	l.choice, l.choice2 = lzmaHalf, lzmaHalf
	for i := range l.low {
		half(l.low[i][:], l.mid[i][:])
	}
	half(l.high[:])
}

func half(tables ...[]uint16) {
	for _, t := range tables {
		for i := range t {
			t[i] = lzmaHalf
		}
	}
}

// coder is the state of the range decoder, which turns bytes into bits of given
// probabilities. It is passed by value to stay in registers: in memory each bit
// would wait for the store and load of the one before.
type coder struct {
	rng, code uint32
	ip        int // position in the input
}

// start reads the first five bytes of a chunk; false where they cannot be.
func (d *Decoder) start(in []byte) bool {
	d.in = in
	d.now = coder{1<<32 - 1, uint32(in[1])<<24 | uint32(in[2])<<16 | uint32(in[3])<<8 | uint32(in[4]), 5}
	return in[0] == 0
}

// step decodes a bit with the probability *p of a 0, learns from it, and returns
// sym with the bit appended. It does not branch on the bit: in text and code the bits
// are unpredictable, and the processor would mispredict every third. The compiler
// inlines it as long as it does not grow.
func step(p *uint16, sym, rng, code uint32) (uint32, uint32, uint32) {
	v := int32(*p)
	bound := rng >> 11 * uint32(v)
	zero := int32((int64(code) - int64(bound)) >> 63) // -1 for a 0, else 0
	// v + (2048-v)>>5 for a 0, v - v>>5 for a 1: shifts round down.
	*p = uint16(v - (v+zero&(1<<lzmaShift-1-lzmaFull))>>lzmaShift)
	mask := uint32(zero)
	return sym<<1 + 1 + mask, rng - bound + (2*bound-rng)&mask, code - bound&^mask
}

// bit decodes one bit.
func (d *Decoder) bit(p *uint16, c coder) (uint32, coder) {
	var b uint32
	b, c.rng, c.code = step(p, 0, c.rng, c.code)
	if c.rng < lzmaTop {
		c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
		c.ip++
	}
	return b, c
}

// tree3, tree6 and tree8 decode a number of 3, 6 or 8 bits, the highest first. They
// are three functions so that the processor can predict where each loop ends.
func (d *Decoder) tree3(p *[8]uint16, c coder) (uint32, coder) {
	sym := uint32(1)
	for sym < 8 {
		sym, c.rng, c.code = step(&p[sym], sym, c.rng, c.code)
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	return sym - 8, c
}

func (d *Decoder) tree6(p *[64]uint16, c coder) (uint32, coder) {
	sym := uint32(1)
	for sym < 64 {
		sym, c.rng, c.code = step(&p[sym], sym, c.rng, c.code)
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	return sym - 64, c
}

func (d *Decoder) tree8(p *[256]uint16, c coder) (uint32, coder) {
	sym := uint32(1)
	for sym < 256 {
		sym, c.rng, c.code = step(&p[sym], sym, c.rng, c.code)
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	return sym - 256, c
}

// reverse decodes a number of n bits, the lowest first.
func (d *Decoder) reverse(p []uint16, n uint, c coder) (uint32, coder) {
	sym := uint32(1)
	for range n {
		sym, c.rng, c.code = step(&p[sym], sym, c.rng, c.code)
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	return bits.Reverse32(sym << (32 - n)), c
}

// direct decodes n bits that are as likely 0 as 1.
func (d *Decoder) direct(n uint, c coder) (uint32, coder) {
	value := uint32(0)
	for range n {
		c.rng >>= 1
		mask := uint32((int64(c.code) - int64(c.rng)) >> 63) // all ones for a 0
		c.code -= c.rng &^ mask
		value = value<<1 + 1 + mask
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	return value, c
}

func (d *Decoder) length(l *lzmaLength, posState uint, c coder) (int, coder) {
	var b uint32
	if b, c = d.bit(&l.choice, c); b == 0 {
		b, c = d.tree3(&l.low[posState&15], c)
		return lzmaMinMatch + int(b), c
	}
	if b, c = d.bit(&l.choice2, c); b == 0 {
		b, c = d.tree3(&l.mid[posState&15], c)
		return lzmaMinMatch + 8 + int(b), c
	}
	b, c = d.tree8(&l.high, c)
	return lzmaMinMatch + 16 + int(b), c
}

// chunk decodes size bytes from the packed ones at the start of in, which are followed
// by at least lzmaSlack bytes. It returns false if the data is damaged.
func (d *Decoder) chunk(in []byte, packed, size int) bool {
	if packed < 5 || !d.start(in) {
		return false
	}
	end := d.pos + size
	c := d.now
	for d.pos < end {
		var b uint32
		posState := uint(d.pos-d.base) & d.pbMask
		if b, c = d.bit(&d.isMatch[d.state<<4+posState], c); b == 1 {
			var ok bool
			if c, ok = d.match(posState, end, c); !ok {
				return false
			}
		} else if d.state < 7 {
			c = d.plainLiteral(c)
		} else {
			c = d.matchedLiteral(c)
		}
		if c.ip > packed {
			return false
		}
	}
	return c.ip == packed && c.code == 0
}

// nextState is the state after a literal.
var nextState = [lzmaStates]uint{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5}

func (d *Decoder) literalTable() *[0x300]uint16 {
	var before uint
	if d.pos > d.base {
		before = uint(d.out[d.pos-1])
	}
	return &d.literal[(uint(d.pos-d.base)&d.lpMask<<d.lc+before>>(8-d.lc))&15]
}

func (d *Decoder) put(sym uint32) {
	d.out[d.pos] = byte(sym)
	d.pos++
	d.state = nextState[d.state]
}

func (d *Decoder) plainLiteral(c coder) coder {
	p := d.literalTable()
	sym := uint32(1)
	for sym < 0x100 {
		sym, c.rng, c.code = step(&p[sym], sym, c.rng, c.code)
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	d.put(sym)
	return c
}

// matchedLiteral decodes a literal that follows a match: it probably differs from the
// byte that would have continued the match. A match came before it, so the last
// distance is valid.
func (d *Decoder) matchedLiteral(c coder) coder {
	p := d.literalTable()
	match := uint32(d.out[d.pos-d.rep[0]-1])
	sym, offset := uint32(1), uint32(0x100)
	for sym < 0x100 {
		match <<= 1
		expected := match & offset
		sym, c.rng, c.code = step(&p[offset+expected+sym], sym, c.rng, c.code)
		// After the first bit that differs nothing is expected: offset survives only
		// while the bits agree.
		offset &= expected ^ (sym&1 - 1)
		if c.rng < lzmaTop {
			c.rng, c.code = c.rng<<8, c.code<<8|uint32(d.in[c.ip])
			c.ip++
		}
	}
	d.put(sym)
	return c
}

// match decodes a match and copies it; it may not go beyond end.
func (d *Decoder) match(posState uint, end int, c coder) (coder, bool) {
	var length int
	var b uint32
	if b, c = d.bit(&d.isRep[d.state], c); b == 0 {
		length, c = d.length(&d.matchLen, posState, c)
		d.rep[3], d.rep[2], d.rep[1] = d.rep[2], d.rep[1], d.rep[0]
		d.rep[0], c = d.distance(length, c)
		d.state = afterMatch(d.state, 7)
		return c, d.copyMatch(length, end)
	}
	if b, c = d.bit(&d.isRepG0[d.state], c); b == 1 {
		c = d.oldDistance(c)
	} else if b, c = d.bit(&d.isRep0Long[d.state<<4+posState], c); b == 0 {
		d.state = afterMatch(d.state, 9)
		return c, d.copyMatch(1, end)
	}
	length, c = d.length(&d.repLen, posState, c)
	d.state = afterMatch(d.state, 8)
	return c, d.copyMatch(length, end)
}

// copyMatch copies length bytes from the last distance back. It returns false if that
// lies before the dictionary, or the chunk has fewer bytes left.
func (d *Decoder) copyMatch(length, end int) bool {
	from := d.pos - d.rep[0] - 1
	if from < d.base || length > end-d.pos {
		return false
	}
	to, src := d.out[d.pos:], d.out[from:]
	if d.rep[0] >= 15 {
		// Most matches are short. Copying sixteen bytes at once needs no loop, whose end
		// would be mispredicted; the surplus is overwritten later.
		first, second := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
		binary.LittleEndian.PutUint64(to, first)
		binary.LittleEndian.PutUint64(to[8:], second)
	}
	switch {
	case d.rep[0]+1 >= length && length <= 16 && d.rep[0] >= 15:
	case d.rep[0]+1 >= length:
		copy(to[:length], src)
	default: // the match overlaps what it writes
		to, src = to[:length], src[:length]
		for i := range to {
			to[i] = src[i]
		}
	}
	d.pos += length
	return true
}

func afterMatch(state, next uint) uint {
	if state >= 7 {
		return min(next+3, 11)
	}
	return next
}

// oldDistance moves the second, third or fourth last distance to the front.
func (d *Decoder) oldDistance(c coder) coder {
	var b uint32
	if b, c = d.bit(&d.isRepG1[d.state], c); b == 0 {
		d.rep[0], d.rep[1] = d.rep[1], d.rep[0]
		return c
	}
	if b, c = d.bit(&d.isRepG2[d.state], c); b == 0 {
		d.rep[0], d.rep[1], d.rep[2] = d.rep[2], d.rep[0], d.rep[1]
		return c
	}
	d.rep[0], d.rep[1], d.rep[2], d.rep[3] = d.rep[3], d.rep[0], d.rep[1], d.rep[2]
	return c
}

func (d *Decoder) distance(length int, c coder) (int, coder) {
	b, c := d.tree6(&d.posSlot[min(length-lzmaMinMatch, 3)], c)
	slot := uint(b)
	if slot < 4 {
		return int(slot), c
	}
	n := slot>>1 - 1
	dist := (2 | slot&1) << n
	if slot < 14 {
		b, c = d.reverse(d.posSpecial[dist-slot:], n, c)
		return int(dist + uint(b)), c
	}
	b, c = d.direct(n-4, c)
	dist += uint(b) << 4
	b, c = d.reverse(d.posAlign[:], 4, c)
	return int(dist + uint(b)), c
}
