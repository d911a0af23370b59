// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxModule bounds a decompressed module, far above any that distributions ship.
const maxModule = 512 << 20

// plainLimit bounds what n packed bytes may grow to: real modules shrink by a
// factor of 3 to 20, so 200 refuses only files made to fill memory.
func plainLimit(n int) int64 { return min(maxModule, 16<<20+200*int64(n)) }

// Compression is how a module file is packed, as /sys/module/compression names it.
type Compression string

// The compressions that kernels and depmod know; None is a plain file.
const (
	None Compression = ""
	Gzip Compression = "gzip"
	XZ   Compression = "xz"
	Zstd Compression = "zstd"
)

// CompressionOf tells by the first bytes how data is packed. The name of a file
// is no proof: kbuild's own rules have renamed and packed files independently.
func CompressionOf(data []byte) Compression {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(data, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return XZ
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	}
	return None
}

// Decompress returns the plain bytes of a module file's contents; plain data is
// returned as it is, not copied. Output that is out of all proportion to the
// input, or beyond 512 MiB, is refused with ErrTooLarge before it is allocated.
func Decompress(data []byte) ([]byte, error) {
	kind := CompressionOf(data)
	var r io.Reader
	var err error
	switch kind {
	case None:
		return data, nil
	case Gzip:
		r, err = gzip.NewReader(bytes.NewReader(data))
	case XZ:
		if err = checkXZ(data); err == nil {
			r, err = xz.NewReader(bytes.NewReader(data))
		}
	case Zstd:
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxModule),
			zstd.WithDecoderMaxWindow(zstdWindow(len(data))))
		if err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		return nil, invalid("damaged %s data: %v", kind, err)
	}
	return readBounded(r, kind, plainLimit(len(data)))
}

// zstdWindow is the largest window to allow, which the decoder allocates ahead
// of any output. zstd fits the window of a file to its size.
func zstdWindow(n int) uint64 { return min(128<<20, max(8<<20, 256*uint64(n))) }

func readBounded(r io.Reader, kind Compression, limit int64) ([]byte, error) {
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, limit+1))
	if n > limit {
		return nil, fmt.Errorf("decompress %s data: more than %d MiB: %w", kind, limit>>20, ErrTooLarge)
	}
	if err != nil {
		return nil, invalid("damaged %s data after %d bytes: %v", kind, n, err)
	}
	return out.Bytes(), nil
}

// maxXZDict is the dictionary of xz -9; kbuild uses 1 MiB.
const maxXZDict = 64 << 20

// checkXZ walks the blocks of an .xz stream without unpacking them, because the
// reader allocates the dictionary that a block header asks for, up to 4 GiB,
// before it looks at anything else.
func checkXZ(data []byte) error {
	const streamHeader = 12
	if len(data) < streamHeader {
		return io.ErrUnexpectedEOF
	}
	checkSize := [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[data[7]&15]
	for pos := streamHeader; ; {
		if pos >= len(data) {
			return io.ErrUnexpectedEOF
		}
		if data[pos] == 0 { // the index follows the last block
			return nil
		}
		head := (int(data[pos]) + 1) * 4
		if pos+head > len(data) {
			return io.ErrUnexpectedEOF
		}
		if err := checkXZDict(data[pos : pos+head]); err != nil {
			return err
		}
		end, err := skipLZMA2(data, pos+head)
		if err != nil {
			return err
		}
		pos = (end+3)&^3 + checkSize
	}
}

// checkXZDict reads the filters of one block header.
func checkXZDict(h []byte) error {
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
		if bits > 40 || (2|bits&1)<<(bits/2+11) > maxXZDict {
			return fmt.Errorf("dictionary is larger than %d MiB", maxXZDict>>20)
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

// skipLZMA2 returns the offset behind the chunks that begin at pos.
func skipLZMA2(data []byte, pos int) (int, error) {
	for pos < len(data) {
		control := data[pos]
		need := 3
		switch {
		case control == 0:
			return pos + 1, nil
		case control >= 0xc0:
			need = 6
		case control >= 0x80:
			need = 5
		}
		if pos+need > len(data) {
			break
		}
		size := int(binary.BigEndian.Uint16(data[pos+1:])) + 1
		if control >= 0x80 {
			size = int(binary.BigEndian.Uint16(data[pos+3:])) + 1
		}
		pos += need + size
	}
	return 0, io.ErrUnexpectedEOF
}
