// SPDX-License-Identifier: MIT

package ko

import (
	"fmt"
	"io/fs"
	"os"
)

// Open opens a file for reading that may be anything, and returns its size. It waits for nobody, as for who writes to a
// FIFO. What is not a regular file is a *FormatError and is not opened, as that may do something; one that is larger
// than any module is ErrTooLarge.
func Open(path string) (*os.File, int64, error) { return open(path, OpenNow) }

func open(path string, openNow func(string) (*os.File, error)) (*os.File, int64, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if err := checkFile(fi); err != nil {
		return nil, 0, err
	}
	f, err := openNow(path)
	if err != nil {
		return nil, 0, err
	}
	if fi, err = f.Stat(); err == nil { // another file may have taken its place
		err = checkFile(fi)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

func checkFile(fi fs.FileInfo) error {
	switch {
	case !fi.Mode().IsRegular():
		return &FormatError{Reason: FileKind(fi.Mode())}
	case fi.Size() > MaxSize:
		return fmt.Errorf("%d bytes: %w", fi.Size(), ErrTooLarge)
	}
	return nil
}
