// SPDX-License-Identifier: MIT

// Package beneath reads what others put into a folder: sources that a stranger handed in, what a build made of them. A
// name does not lead out of the folder, whatever links are in it or come into it meanwhile; what is no regular file is
// not read; nothing waits for somebody else; and everything has a bound. OpenPath and ReadPath are for files outside of
// any such folder: they follow links, and promise the rest.
package beneath

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is the cause of an error about a FIFO, a device, a socket or a folder in a file's place.
var ErrNotRegular = errors.New("not a regular file")

// SizeError is a file that is larger than it may be.
type SizeError struct {
	Name        string
	Bytes, Most int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s has %d bytes, at most %d are read", e.Name, e.Bytes, e.Most)
}

// Folder is an open folder. It stays the same one if its name comes to mean another.
type Folder struct{ root *os.Root }

// Open opens a folder. A link in dir itself is followed: who names the folder is trusted.
func Open(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{root: root}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// FS is for fs.WalkDir: it lists the folder, and does not follow links.
func (f *Folder) FS() fs.FS { return f.root.FS() }

// Readlink returns a link's target, which may lead anywhere.
func (f *Folder) Readlink(name string) (string, error) { return f.root.Readlink(name) }

// Stays reports whether a link leads to something in the folder, or to what is not there, as far as the folder tells.
func (f *Folder) Stays(name string) bool {
	_, err := f.root.Stat(name)
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

// Has reports whether the folder has something of a name that does not lead out of it.
func (f *Folder) Has(name string) bool {
	_, err := f.root.Stat(name)
	return err == nil
}

// Open opens a regular file of at most most bytes. Links are followed as long as they stay in the folder.
func (f *Folder) Open(name string, most int64) (*os.File, error) {
	return open(name, most, f.root.Stat, f.root.OpenFile)
}

// OpenPath is Open for a path that this machine's user or system named: links are followed wherever they lead. Whoever
// may change a link on the way can have a device opened, which is then closed again.
func OpenPath(path string, most int64) (*os.File, error) {
	return open(path, most, os.Stat, os.OpenFile)
}

func open(
	name string, most int64,
	stat func(string) (fs.FileInfo, error), openFile func(string, int, fs.FileMode) (*os.File, error),
) (*os.File, error) {
	// Even the opening of a device may do something. Nobody but root can put one in the place of what was seen.
	if fi, err := stat(name); err != nil {
		return nil, err
	} else if err := check(name, fi, most); err != nil {
		return nil, err
	}
	file, err := openFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	fi, err := file.Stat()
	if err == nil {
		err = check(name, fi, most)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func check(name string, fi fs.FileInfo, most int64) error {
	switch {
	case !fi.Mode().IsRegular():
		return &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	case fi.Size() > most:
		return &SizeError{Name: name, Bytes: fi.Size(), Most: most}
	}
	return nil
}

// Read returns the content of a regular file of at most most bytes.
func (f *Folder) Read(name string, most int64) ([]byte, error) {
	file, err := f.Open(name, most)
	if err != nil {
		return nil, err
	}
	return read(file, name, most)
}

// ReadPath is Read for a path that this machine's user or system named.
func ReadPath(path string, most int64) ([]byte, error) {
	file, err := OpenPath(path, most)
	if err != nil {
		return nil, err
	}
	return read(file, path, most)
}

func read(file *os.File, name string, most int64) ([]byte, error) {
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1)) // it may grow
	if int64(len(data)) > most {
		return nil, &SizeError{Name: name, Bytes: int64(len(data)), Most: most}
	}
	return data, err
}

// ReadIn is Read of a file in a folder that is opened for it alone.
func ReadIn(dir, name string, most int64) ([]byte, error) {
	f, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Read(name, most)
}
