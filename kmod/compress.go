// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
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
		return new(lzma).decompress(data)
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

// decompress is Decompress for .xz, into memory that the next call uses again.
func (d *lzma) decompress(data []byte) ([]byte, error) {
	plain, err := d.unpack(data, plainLimit(len(data)))
	if err != nil && !errors.Is(err, ErrTooLarge) {
		err = invalid("damaged xz data: %v", err)
	}
	return plain, err
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
