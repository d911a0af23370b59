// SPDX-License-Identifier: MIT

package kmod

import "github.com/kmodlab/kmodlab/kmod/internal/ko"

// Compression is how a module file is compressed, as /sys/module/compression names it.
type Compression string

// The compressions that kernels and depmod know. None is a plain file.
const (
	None Compression = ko.None
	Gzip Compression = ko.Gzip
	XZ   Compression = ko.XZ
	Zstd Compression = ko.Zstd
)

// CompressionOf tells by the first bytes how data is compressed. A file's name proves
// nothing: kbuild's own rules have renamed and compressed files independently.
func CompressionOf(data []byte) Compression { return Compression(ko.Compression(data)) }

// Decompress returns the plain bytes of a module file's contents; plain data is
// returned as it is, not copied. Output out of all proportion to the input, or beyond
// 512 MiB, is refused with ErrTooLarge before it is allocated. Damaged data is a
// *FileError.
func Decompress(data []byte) ([]byte, error) {
	plain, err := new(ko.Unpacker).Unpack(data)
	return plain, fileError(err, "")
}
