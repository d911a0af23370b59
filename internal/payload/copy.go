// SPDX-License-Identifier: MIT

package payload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

// Copy is a file or a folder of this machine that the guest gets.
type Copy struct {
	Host   string
	Within string // as of Wanted
	Guest  string // absolute, or relative to Dir; empty: the same name in Dir
}

// Bounds of what is copied: it lies in the guest's memory.
const (
	maxFiles = 10_000
	maxBytes = 512 << 20
)

// Copy adds a person's file, or a folder with everything in it. Links in a folder stay links.
func (b *Builder) Copy(ctx context.Context, c Copy) error {
	to := path.Join(Dir, filepath.Base(c.Host))
	switch {
	case path.IsAbs(c.Guest):
		to = path.Clean(c.Guest)
	case c.Guest != "":
		to = path.Join(Dir, c.Guest)
	}
	if c.Within != "" {
		return b.copyWithin(ctx, c, to)
	}
	st, err := os.Stat(c.Host)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Name: c.Host, What: "is not there", Hint: "name a file or a folder of this machine", Err: err}
	case err != nil:
		return &Error{Name: c.Host, What: "cannot be read: " + cause(err), Err: err}
	case st.IsDir():
		return b.copyFolder(ctx, c.Host, to)
	case !st.Mode().IsRegular():
		return &Error{
			Name: c.Host, What: "is neither a file nor a folder", Hint: "name a file or a folder", Err: beneath.ErrNotRegular,
		}
	}
	return b.copied(File{Guest: to, Mode: modeOf(st), Host: c.Host}, st.Size())
}

// Folder adds a folder of the guest. One that is there stays as it is.
func (b *Builder) Folder(guest string) {
	b.files = append(b.files, File{Guest: guest, Mode: fs.ModeDir | 0o755})
}

func modeOf(st fs.FileInfo) fs.FileMode { return 0o644 | st.Mode().Perm()&0o111 }

// copyFolder adds what is in a folder, which is as a person has it: what comes into it meanwhile may be missed.
func (b *Builder) copyFolder(ctx context.Context, dir, to string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(dir, name)
		if err = errors.Join(err, relErr); err != nil {
			return &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var size int64
		f := File{Guest: path.Join(to, filepath.ToSlash(rel)), Host: name}
		switch {
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
			}
			f.Host, f.Link = "", target
		case !d.Type().IsRegular():
			return nil // a FIFO, a socket, a device
		default:
			st, err := d.Info()
			if err != nil {
				return &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
			}
			f.Mode, size = modeOf(st), st.Size()
		}
		return b.copied(f, size)
	})
}

// copyWithin adds what lies in a folder that nobody trusts. It is read at once: it may change. Links are left out.
func (b *Builder) copyWithin(ctx context.Context, c Copy, to string) error {
	folder, err := beneath.Open(c.Within)
	if err != nil {
		return &Error{Name: c.Within, What: "cannot be read: " + cause(err), Err: err}
	}
	defer folder.Close()
	return fs.WalkDir(folder.FS(), path.Clean(c.Host), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return &Error{
				Name: c.Host, What: "cannot be read: " + cause(err), Hint: "name a file or a folder in " + c.Within, Err: err,
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := folder.Read(name, maxBytes)
		if err != nil {
			return &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
		}
		mode := fs.FileMode(0o644)
		if st, err := d.Info(); err == nil {
			mode = modeOf(st)
		}
		at := path.Join(to, strings.TrimPrefix(strings.TrimPrefix(name, path.Clean(c.Host)), "/"))
		return b.copied(File{Guest: at, Mode: mode, Data: data}, int64(len(data)))
	})
}

// copied adds a file, unless that is more than a guest can take.
func (b *Builder) copied(f File, size int64) error {
	b.files, b.bytes = append(b.files, f), b.bytes+size
	if len(b.files) > maxFiles {
		return &Error{What: fmt.Sprintf("more than %d files are to be copied into the guest", maxFiles),
			Hint: "copy only what the tests need"}
	}
	if b.bytes > maxBytes {
		return &Error{What: fmt.Sprintf("more than %d MiB are to be copied into the guest", maxBytes>>20),
			Hint: "copy only what the tests need"}
	}
	return nil
}

// CopyOf reads SRC or SRC:DST, as a person writes it.
func CopyOf(word string) Copy {
	if at := strings.LastIndexByte(word, ':'); at > 0 {
		if _, err := os.Lstat(word); err != nil { // else the colon is a part of the name
			return Copy{Host: word[:at], Guest: word[at+1:]}
		}
	}
	return Copy{Host: word}
}
