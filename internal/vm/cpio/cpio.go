// SPDX-License-Identifier: MIT

// Package cpio writes initramfs archives in the kernel's newc format
// (Documentation/driver-api/early-userspace/buffer-format.rst). The bytes depend only on the entries: times are zero,
// the owner is root, inodes count up from one. Archives can be concatenated; the kernel unpacks one after the other.
package cpio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"
)

const (
	magic   = "070701"
	trailer = "TRAILER!!!"

	// block is what an archive is padded to. The kernel demands 4; cpio(1) pads to 512, so a concatenation of both
	// stays aligned.
	block = 512

	// maxName is the kernel's PATH_MAX, which limits a name with its zero byte.
	maxName = 4096
)

// File types of st_mode as the format stores them; io/fs uses other values.
const (
	typeDir     = 0o040000
	typeChar    = 0o020000
	typeRegular = 0o100000
	typeSymlink = 0o120000
)

// Writer writes one archive. The first error sticks: later calls do nothing, and Close returns it. Only one goroutine
// may use a Writer.
type Writer struct {
	w       io.Writer
	written int64
	inode   uint32
	seen    map[string]uint32 // name to file type
	err     error
	closed  bool
}

// NewWriter returns a Writer that writes to w, which it does not close.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, seen: map[string]uint32{}}
}

// File adds a regular file. Of mode it keeps the permission bits, setuid, setgid and sticky. Missing parents are
// created with mode 0755.
func (w *Writer) File(name string, mode fs.FileMode, data []byte) {
	if len(data) > math.MaxUint32 {
		w.fail(fmt.Errorf("add %q: %d bytes do not fit a newc archive", name, len(data)))
		return
	}
	w.entry(name, typeRegular|permissions(mode), 0, 0, data)
}

// Dir adds a directory. A second Dir of the same name is ignored, so a directory that was created implicitly keeps mode
// 0755: add special ones first.
func (w *Writer) Dir(name string, mode fs.FileMode) {
	w.entry(name, typeDir|permissions(mode), 0, 0, nil)
}

// Symlink adds a symbolic link name that points to target.
func (w *Writer) Symlink(name, target string) {
	if target == "" || len(target) >= maxName {
		w.fail(fmt.Errorf("add symlink %q: target of %d bytes", name, len(target)))
		return
	}
	w.entry(name, typeSymlink|0o777, 0, 0, []byte(target))
}

// Device adds a character device, such as /dev/console (5, 1), without which PID 1 starts without standard output.
func (w *Writer) Device(name string, mode fs.FileMode, major, minor uint32) {
	w.entry(name, typeChar|permissions(mode), major, minor, nil)
}

// Close writes the trailer and pads to 512 bytes.
func (w *Writer) Close() error {
	if w.closed || w.err != nil {
		return w.err
	}
	w.closed = true
	w.header(0, 0, 1, 0, 0, 0, trailer)
	w.pad(block)
	return w.err
}

// entry creates the parents of name and writes the entry.
func (w *Writer) entry(name string, mode, major, minor uint32, data []byte) {
	if w.err != nil {
		return
	}
	if w.closed {
		w.fail(fmt.Errorf("add %q: the archive is closed", name))
		return
	}
	clean, err := cleanName(name)
	if err != nil {
		w.fail(err)
		return
	}
	kind := mode &^ 0o7777
	if old, ok := w.seen[clean]; ok {
		if old != typeDir || kind != typeDir {
			w.fail(fmt.Errorf("add %q: the archive has that name already", clean))
		}
		return
	}
	if parent := path.Dir(clean); parent != "." {
		if old, ok := w.seen[parent]; ok && old != typeDir {
			w.fail(fmt.Errorf("add %q: %q is not a directory", clean, parent))
			return
		}
		w.entry(parent, typeDir|0o755, 0, 0, nil)
	}
	w.seen[clean] = kind
	w.inode++
	links := uint32(1)
	if kind == typeDir {
		links = 2
	}
	w.header(w.inode, mode, links, uint32(len(data)), major, minor, clean)
	w.write(data)
	w.pad(4)
}

// header writes the 110 bytes of ASCII, and the name with its zero byte.
func (w *Writer) header(inode, mode, links, size, major, minor uint32, name string) {
	const owner, mtime, dev, check = 0, 0, 0, 0
	w.write(fmt.Appendf(nil, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		magic, inode, mode, owner, owner, links, mtime, size, dev, dev, major, minor, len(name)+1, check, name))
	w.pad(4)
}

func (w *Writer) pad(to int64) {
	if n := (to - w.written%to) % to; n > 0 {
		w.write(make([]byte, n))
	}
}

func (w *Writer) write(b []byte) {
	if w.err != nil || len(b) == 0 {
		return
	}
	n, err := w.w.Write(b)
	w.written += int64(n)
	if err != nil {
		w.fail(fmt.Errorf("write archive: %w", err))
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// cleanName makes a name relative to the archive's root, and refuses one that leaves it.
func cleanName(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	switch {
	case name == "" || clean == ".":
		return "", fmt.Errorf("add %q: that names the archive's root", name)
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", fmt.Errorf("add %q: the name leaves the archive", name)
	case strings.ContainsRune(clean, 0):
		return "", fmt.Errorf("add %q: the name holds a zero byte", name)
	case clean == trailer:
		return "", errors.New("add " + trailer + ": that name marks the end of an archive")
	case len(clean) >= maxName:
		return "", fmt.Errorf("add %.40q…: the name has %d bytes, the kernel's limit is %d", name, len(clean), maxName-1)
	}
	return clean, nil
}

func permissions(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for _, special := range []struct {
		mode fs.FileMode
		bit  uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if mode&special.mode != 0 {
			bits |= special.bit
		}
	}
	return bits
}
