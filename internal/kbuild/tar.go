// SPDX-License-Identifier: MIT

package kbuild

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of an archive that a guest sends.
const (
	maxTarFiles = 20_000
	maxTarBytes = maxTotalBytes
)

// pack writes the named paths below dir, and everything in them, as a tar stream. Owners and times are omitted: equal
// folders give equal streams.
func pack(w io.Writer, dir string, names ...string) error {
	tw := tar.NewWriter(w)
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(dir, name), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(dir, p)
			if err != nil {
				return err
			}
			return packOne(tw, p, rel, d)
		})
		if err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return tw.Close()
}

func packOne(tw *tar.Writer, p, rel string, d fs.DirEntry) error {
	fi, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: rel, Mode: int64(fi.Mode().Perm()), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	switch {
	case fi.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, rel+"/"
		return tw.WriteHeader(h)
	case fi.Mode()&fs.ModeSymlink != 0:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = os.Readlink(p); err != nil {
			return err
		}
		return tw.WriteHeader(h)
	case !fi.Mode().IsRegular():
		return nil
	}
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	h.Typeflag, h.Size = tar.TypeReg, fi.Size()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, io.LimitReader(f, fi.Size()))
	return err
}

// unpack reads a foreign tar stream into dir, which exists. It creates only folders and regular files, below dir and
// never over existing ones; links and devices are skipped. A name that leads outside, a duplicate file, or too much of
// anything is an *Error of kind ErrHostile.
func unpack(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return hostError("unpack the build", err)
	}
	defer root.Close()
	tr := tar.NewReader(r)
	left := int64(maxTarBytes)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return hostile("read the archive: %w", err)
		}
		if n >= maxTarFiles {
			return hostile("the archive holds more than %d files", maxTarFiles)
		}
		if left -= h.Size; left < 0 || h.Size < 0 {
			return hostile("the archive holds more than %d MiB", maxTarBytes>>20)
		}
		if err := unpackOne(root, tr, h); err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, tr *tar.Reader, h *tar.Header) error {
	if h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeReg {
		return nil
	}
	name := path.Clean(h.Name)
	if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) || len(name) > 1024 {
		return hostile("the archive names %q", h.Name)
	}
	if h.Typeflag == tar.TypeDir {
		if err := root.MkdirAll(name, 0o755); err != nil {
			return hostile("create folder %q: %w", name, err)
		}
		return nil
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return hostile("create the folder of %q: %w", name, err)
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return hostile("create file %q: %w", name, err)
	}
	n, err := io.Copy(f, tr)
	if err = errors.Join(err, f.Close()); err == nil && n == h.Size {
		return nil
	}
	_ = root.Remove(name) // a module that is cut is none; the error is told anyway
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return hostile("file %q is cut short: %w", name, cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return hostError("unpack the build", err)
}
