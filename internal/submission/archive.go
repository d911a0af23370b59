// SPDX-License-Identifier: MIT

package submission

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

const noArchive = "hand in a folder, a .zip or a .tar.gz"

// maxUnpacked bounds what a compressed tar is unpacked to, all of which is read.
const maxUnpacked = 4 * MaxBytes

// archive takes what is in an archive. Its first bytes say which one it is: names lie.
func (c *collector) archive(ctx context.Context, path string) error {
	data, err := beneath.ReadPath(path, maxInput)
	if big, is := errors.AsType[*beneath.SizeError](err); is {
		return &Error{Problem: fmt.Sprintf("it has %d MiB, more than %d", big.Bytes>>20, maxInput>>20), Hint: onlySources}
	}
	if err != nil {
		return err
	}
	switch {
	case len(data) == 0:
		return &Error{Problem: "it is empty", Hint: noArchive}
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return c.zip(ctx, data)
	}
	in, err := unpacked(data)
	if err != nil {
		return &Error{Problem: "its compression is damaged", Hint: packAgain, Err: err}
	}
	return c.tar(ctx, &bounded{r: in, left: maxUnpacked})
}

// unpacked undoes a compression.
func unpacked(data []byte) (io.Reader, error) {
	in := bytes.NewReader(data)
	switch {
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		return gzip.NewReader(in)
	case bytes.HasPrefix(data, []byte("BZh")):
		return bzip2.NewReader(in), nil
	case bytes.HasPrefix(data, []byte("\xfd7zXZ\x00")):
		return xz.ReaderConfig{DictCap: maxDictionary}.NewReader(in)
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		return zstd.NewReader(in, zstd.WithDecoderMaxMemory(maxDictionary), zstd.WithDecoderConcurrency(1))
	}
	return in, nil
}

// maxDictionary bounds the memory that a decompressor takes because an archive asks for it.
const maxDictionary = 64 << 20

// bounded ends in an error where too much comes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &Error{Problem: fmt.Sprintf("it unpacks to more than %d MiB", maxUnpacked>>20), Hint: onlySources}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (c *collector) tar(ctx context.Context, in io.Reader) error {
	r := tar.NewReader(in)
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, err := r.Next()
		var told *Error
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case errors.As(err, &told):
			return told
		case err != nil && n == 0:
			return &Error{Problem: "it is no archive", Hint: noArchive}
		case err != nil:
			return &Error{Problem: "it is damaged", Hint: packAgain, Err: err}
		case h.Typeflag == tar.TypeXGlobalHeader: // git archive writes one
			continue
		}
		mode := h.FileInfo().Mode()
		if h.Typeflag == tar.TypeLink { // its contents are elsewhere
			mode |= fs.ModeIrregular
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
		if err := c.take(h.Name, mode, open); err != nil {
			return err
		}
	}
}

func (c *collector) zip(ctx context.Context, data []byte) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return &Error{Problem: "it is damaged", Hint: packAgain, Err: err}
	}
	for _, f := range r.File {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f.Flags&1 != 0 {
			return &Error{Problem: "it is encrypted", Hint: "pack it without a password"}
		}
		if err := c.take(f.Name, f.Mode(), f.Open); err != nil {
			return err
		}
	}
	return nil
}
