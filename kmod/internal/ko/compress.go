// SPDX-License-Identifier: MIT

package ko

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/kmodlab/kmodlab/internal/xz"
)

// MaxSize bounds a decompressed module, far above any that distributions ship.
const MaxSize = 512 << 20

// The compressions, as /sys/module/compression names them.
const (
	None = ""
	Gzip = "gzip"
	XZ   = "xz"
	Zstd = "zstd"
)

// Compression tells by the first bytes how data is compressed. A file's name proves
// nothing: kbuild's own rules have renamed and compressed files independently.
func Compression(data []byte) string {
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

// Unpacker decompresses module files. The zero value is ready. It keeps the memory
// for .xz from one file to the next.
type Unpacker struct{ xz xz.Decoder }

// Unpack returns the plain bytes of a module file's contents; plain data is returned
// as it is, not copied. The result is valid until the next call. Output out of all
// proportion to the input, or beyond MaxSize, is refused with ErrTooLarge before it is
// allocated; damaged data is a *FormatError.
func (u *Unpacker) Unpack(data []byte) ([]byte, error) {
	limit := plainLimit(len(data))
	switch kind := Compression(data); kind {
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, Invalid("damaged gzip data: %v", err)
		}
		return readBounded(r, kind, limit)
	case XZ:
		plain, err := u.xz.Unpack(data, limit)
		if errors.Is(err, xz.ErrTooLarge) {
			return nil, tooLarge(kind, limit)
		}
		if err != nil {
			return nil, Invalid("damaged xz data: %v", err)
		}
		return plain, nil
	case Zstd:
		d, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(MaxSize),
			zstd.WithDecoderMaxWindow(zstdWindow(len(data))))
		if err != nil {
			return nil, Invalid("damaged zstd data: %v", err)
		}
		defer d.Close()
		return readBounded(d, kind, limit)
	}
	return data, nil
}

// plainLimit bounds what n compressed bytes may grow to: real modules shrink by a
// factor of 3 to 20, so 200 refuses only files made to fill memory.
func plainLimit(n int) int64 { return min(MaxSize, 16<<20+200*int64(n)) }

// zstdWindow is the largest window to allow, which the decoder allocates before any
// output. zstd fits the window to the size of the file.
func zstdWindow(n int) uint64 { return min(128<<20, max(8<<20, 256*uint64(n))) }

func readBounded(r io.Reader, kind string, limit int64) ([]byte, error) {
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, limit+1))
	if n > limit {
		return nil, tooLarge(kind, limit)
	}
	if err != nil {
		return nil, Invalid("damaged %s data after %d bytes: %v", kind, n, err)
	}
	return out.Bytes(), nil
}

func tooLarge(kind string, limit int64) error {
	return fmt.Errorf("decompress %s data: more than %d MiB: %w", kind, limit>>20, ErrTooLarge)
}
