// SPDX-License-Identifier: MIT

// Package atomicfile writes files that are there as a whole or not at all. What a killed process leaves of one is
// removed by whoever writes that file next.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/filelock"
)

// File is a new file. Until it is committed, it has a hidden name beside its target's.
type File struct {
	*os.File // a lock on it, which the kernel releases when the process ends, says that it is in use
	target   string
	over     bool // it is committed or dropped
}

// mark is in the hidden names. Nobody else's file has it.
const mark = ".kmodlab-"

// Create begins a file that replaces target, which must not be a link, if it is there. The process's umask applies to
// mode.
func Create(target string, mode fs.FileMode) (*File, error) {
	sweep(target)
	for {
		f, err := os.OpenFile(Hidden(target)+rand.Text(), os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return nil, err
		}
		// Where there are no locks, nothing is removed that another process has left.
		if err := filelock.Hold(f); !errors.Is(err, filelock.ErrHeld) {
			return &File{File: f, target: target}, nil
		}
		f.Close() // another process takes it for one that was left, and removes it
	}
}

// maxBase leaves room for the rest of a hidden name, which may have 255 bytes.
const maxBase = 180

// Hidden is what the path of a file begins with until it is committed.
func Hidden(target string) string {
	base := filepath.Base(target)
	return filepath.Join(filepath.Dir(target), "."+base[:min(len(base), maxBase)]+mark)
}

// Commit writes the file to the disk, closes it and gives it its name. If it fails, the file is dropped.
func (f *File) Commit() error {
	if f.over {
		return fs.ErrClosed
	}
	err := f.Sync() // a full disk may be reported only now
	if err == nil {
		err = os.Rename(f.Name(), f.target)
	}
	if err != nil {
		return errors.Join(err, f.Drop())
	}
	f.over = true
	return f.Close()
}

// Drop removes the file, unless it was committed.
func (f *File) Drop() error {
	if f.over {
		return nil
	}
	f.over = true
	return errors.Join(os.Remove(f.Name()), f.Close())
}

// Write writes a whole file.
func Write(target string, data []byte, mode fs.FileMode) error {
	f, err := Create(target, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Drop())
	}
	return f.Commit()
}

var ending = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// sweep removes what killed processes of this user left of a file. Others may have files of such names there, too, and
// wait for whoever opens one.
func sweep(target string) {
	prefix := Hidden(target)
	entries, _ := os.ReadDir(filepath.Dir(target)) // what can be read of it
	for _, e := range entries {
		path := filepath.Join(filepath.Dir(target), e.Name())
		if len(path) <= len(prefix) || path[:len(prefix)] != prefix || !ending.MatchString(path[len(prefix):]) {
			continue
		}
		fi, err := e.Info()
		if err != nil || fi.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			continue
		}
		if f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0); err == nil {
			if filelock.Hold(f) == nil {
				os.Remove(path)
			}
			f.Close()
		}
	}
}
