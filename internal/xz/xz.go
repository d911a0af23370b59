// SPDX-License-Identifier: MIT

// Package xz decompresses .xz files, of which kernel modules are often made. It
// is our own because depmod of a tree of .ko.xz spends nearly all its time here,
// and the Go libraries take more than twice as long.
package xz

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
)

// ErrTooLarge says that more would come out than the caller allows.
var ErrTooLarge = errors.New("unpacked data is too large")

var errDamaged = errors.New("the data contradicts itself")

// maxDict is the dictionary of xz -9; kbuild uses 1 MiB.
const maxDict = 64 << 20

// Unpack decompresses an .xz file that is whole in memory: one or more streams of
// LZMA2 blocks. The headers say how much comes out, so a file that exceeds limit
// bytes is refused with ErrTooLarge before anything is allocated. The result is
// valid until the next call, which reuses the memory.
func (d *Decoder) Unpack(data []byte, limit int64) ([]byte, error) {
	blocks, err := xzBlocks(data)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, b := range blocks {
		if total += b.size; total > limit {
			return nil, fmt.Errorf("more than %d bytes: %w", limit, ErrTooLarge)
		}
	}
	if size := int(total) + lzmaSlack; size <= cap(d.out) {
		d.out = d.out[:size]
	} else {
		d.out = make([]byte, size)
	}
	d.pos = 0
	for _, b := range blocks {
		if err := d.block(data, b); err != nil {
			return nil, fmt.Errorf("after %d bytes: %w", d.pos, err)
		}
	}
	return d.out[:total], nil
}

// xzBlock is a block of LZMA2 data.
type xzBlock struct {
	start, end int   // of the chunks
	size       int64 // of what comes out
	check      int   // kind of check behind it
}

// The kinds of checks that xz writes; others are not verified.
const (
	xzCRC32  = 1
	xzCRC64  = 4
	xzSHA256 = 10
)

var xzCheckSize = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// xzBlocks finds the blocks of all streams without decompressing anything.
func xzBlocks(data []byte) ([]xzBlock, error) {
	var blocks []xzBlock
	for pos := 0; ; {
		n, end, err := xzStream(data[pos:], &blocks)
		if err != nil {
			return nil, err
		}
		for i := range n {
			b := &blocks[len(blocks)-n+i]
			b.start, b.end = b.start+pos, b.end+pos
		}
		pos += end
		for pos+4 <= len(data) && binary.LittleEndian.Uint32(data[pos:]) == 0 { // padding
			pos += 4
		}
		if pos == len(data) {
			return blocks, nil
		}
	}
}

const (
	xzHeader = 12
	xzFooter = 12
)

// xzStream appends the blocks of the stream at the start of data, and returns
// how many they are and where the stream ends.
func xzStream(data []byte, blocks *[]xzBlock) (n, end int, err error) {
	if len(data) < xzHeader {
		return 0, 0, io.ErrUnexpectedEOF
	}
	flags := data[6:8]
	if string(data[:6]) != "\xfd7zXZ\x00" || flags[0] != 0 || flags[1] > 15 ||
		crc32.ChecksumIEEE(flags) != binary.LittleEndian.Uint32(data[8:]) {
		return 0, 0, errDamaged
	}
	check := int(flags[1])
	for pos := xzHeader; ; n++ {
		if pos >= len(data) {
			return 0, 0, io.ErrUnexpectedEOF
		}
		if data[pos] == 0 { // the index follows the last block
			end, err := xzIndex(data, pos, n, flags)
			return n, end, err
		}
		b, err := xzBlockAt(data, pos, check)
		if err != nil {
			return 0, 0, err
		}
		*blocks = append(*blocks, b)
		pos = (b.end+3)&^3 + xzCheckSize[check]
	}
}

// xzBlockAt reads one block's header and the headers of its chunks.
func xzBlockAt(data []byte, pos, check int) (xzBlock, error) {
	head := (int(data[pos]) + 1) * 4
	if pos+head > len(data) {
		return xzBlock{}, io.ErrUnexpectedEOF
	}
	h := data[pos : pos+head]
	if crc32.ChecksumIEEE(h[:head-4]) != binary.LittleEndian.Uint32(h[head-4:]) {
		return xzBlock{}, errDamaged
	}
	if err := checkFilter(h[:head-4]); err != nil {
		return xzBlock{}, err
	}
	b := xzBlock{start: pos + head, check: check}
	var err error
	b.end, b.size, err = lzma2Sizes(data, b.start)
	if err == nil && (b.end+3)&^3+xzCheckSize[check] > len(data) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// checkFilter accepts LZMA2 alone, with a dictionary no larger than that of xz -9.
// kbuild uses no other filter.
func checkFilter(h []byte) error {
	flags, p := h[1], h[2:]
	var v uint64
	for _, bit := range []byte{0x40, 0x80} { // packed and plain size, when there
		if flags&bit != 0 {
			if _, p = uvarint(p); p == nil {
				return io.ErrUnexpectedEOF
			}
		}
	}
	for range int(flags&3) + 1 {
		var id uint64
		if id, p = uvarint(p); p == nil {
			return io.ErrUnexpectedEOF
		}
		if v, p = uvarint(p); p == nil || v > uint64(len(p)) {
			return io.ErrUnexpectedEOF
		}
		if id != 0x21 || v != 1 {
			return fmt.Errorf("filter %#x is not supported, only lzma2", id)
		}
		bits := uint64(p[0] & 63)
		if bits > 40 || (2|bits&1)<<(bits/2+11) > maxDict {
			return fmt.Errorf("dictionary is larger than %d MiB", maxDict>>20)
		}
		p = p[v:]
	}
	return nil
}

func uvarint(p []byte) (uint64, []byte) {
	v, n := binary.Uvarint(p)
	if n <= 0 {
		return 0, nil
	}
	return v, p[n:]
}

// lzma2Chunk is a chunk's header.
type lzma2Chunk struct {
	control      byte
	head         int // bytes of the header
	packed, size int
}

// lzma2At reads the chunk header at pos; the end marker has size 0.
func lzma2At(data []byte, pos int) (c lzma2Chunk, ok bool) {
	if pos >= len(data) {
		return c, false
	}
	c.control, c.head = data[pos], 3
	switch {
	case c.control == 0:
		return lzma2Chunk{head: 1}, true
	case c.control >= 0xc0:
		c.head = 6
	case c.control >= 0x80:
		c.head = 5
	case c.control > 2:
		return c, false
	}
	if pos+c.head > len(data) {
		return c, false
	}
	c.size = int(binary.BigEndian.Uint16(data[pos+1:])) + 1
	c.packed = c.size
	if c.control >= 0x80 {
		c.size += int(c.control&31) << 16
		c.packed = int(binary.BigEndian.Uint16(data[pos+3:])) + 1
	}
	return c, pos+c.head+c.packed <= len(data)
}

// lzma2Sizes returns where the chunks that begin at pos end, and how much comes
// out of them.
func lzma2Sizes(data []byte, pos int) (end int, size int64, err error) {
	for {
		c, ok := lzma2At(data, pos)
		if !ok {
			return 0, 0, io.ErrUnexpectedEOF
		}
		pos += c.head + c.packed
		if size += int64(c.size); c.size == 0 {
			return pos, size, nil
		}
	}
}

// block decodes one block's chunks, and checks what came out.
func (d *Decoder) block(data []byte, b xzBlock) error {
	start := d.pos
	fresh, ready := false, false // whether a dictionary was begun, and properties were set
	for pos := b.start; ; {
		c, ok := lzma2At(data, pos)
		if !ok {
			return io.ErrUnexpectedEOF
		}
		if c.size == 0 {
			break
		}
		if c.control == 1 || c.control >= 0xe0 {
			d.base, fresh, ready = d.pos, true, false
		}
		if c.control >= 0xc0 {
			ready = d.setProps(data[pos+5])
		}
		if !fresh || c.control >= 0x80 && !ready {
			return errDamaged
		}
		if c.control >= 0xa0 {
			d.resetState()
		}
		if pos += c.head; !d.oneChunk(data[pos:], c) {
			return errDamaged
		}
		pos += c.packed
	}
	return checkSum(b, data[(b.end+3)&^3:], d.out[start:d.pos])
}

func (d *Decoder) oneChunk(in []byte, c lzma2Chunk) bool {
	if c.control < 0x80 {
		d.pos += copy(d.out[d.pos:], in[:c.size])
		return true
	}
	if len(in) < c.packed+lzmaSlack {
		in = append(make([]byte, 0, c.packed+lzmaSlack), in[:c.packed]...)[:c.packed+lzmaSlack]
	}
	return d.chunk(in, c.packed, c.size)
}

func checkSum(b xzBlock, sum, plain []byte) error {
	ok := true
	switch b.check {
	case xzCRC32:
		ok = crc32.ChecksumIEEE(plain) == binary.LittleEndian.Uint32(sum)
	case xzCRC64:
		ok = crc64.Checksum(plain, crc64.MakeTable(crc64.ECMA)) == binary.LittleEndian.Uint64(sum)
	case xzSHA256:
		got := sha256.Sum256(plain)
		ok = bytes.Equal(got[:], sum[:len(got)])
	}
	if !ok {
		return errors.New("its checksum is wrong")
	}
	return nil
}

// xzIndex checks the index of a stream with n blocks, and the footer, and
// returns where the stream ends. Only a complete file has both.
func xzIndex(data []byte, pos, n int, flags []byte) (end int, err error) {
	p := data[pos+1:]
	count, p := uvarint(p)
	if p == nil {
		return 0, io.ErrUnexpectedEOF
	}
	if count != uint64(n) {
		return 0, errDamaged
	}
	for range 2 * n {
		if _, p = uvarint(p); p == nil {
			return 0, io.ErrUnexpectedEOF
		}
	}
	size := (len(data) - len(p) - pos + 3) &^ 3
	end = pos + size + 4 + xzFooter
	if end > len(data) {
		return 0, io.ErrUnexpectedEOF
	}
	footer := data[end-xzFooter : end]
	if crc32.ChecksumIEEE(data[pos:pos+size]) != binary.LittleEndian.Uint32(data[pos+size:]) ||
		crc32.ChecksumIEEE(footer[4:10]) != binary.LittleEndian.Uint32(footer) ||
		!bytes.Equal(footer[8:10], flags) || string(footer[10:]) != "YZ" {
		return 0, errDamaged
	}
	return end, nil
}
