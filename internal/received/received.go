// SPDX-License-Identifier: MIT

// Package received writes files whose names a guest chose. No name and no link leads out of the folder that a person
// named for them.
package received

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes a file below a folder, which is made if it is not there. The error of a file that is there already is
// fs.ErrExist.
func Write(dir, name string, data []byte) error { return write(dir, name, data, false) }

// Replace is Write, and replaces a file that is there.
func Replace(dir, name string, data []byte) error { return write(dir, name, data, true) }

func write(dir, name string, data []byte, replace bool) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("write %q: the guest sent a name that leads out of the folder for its files", name)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	if replace {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil && !replace {
		root.Remove(name) // half a file is none
	}
	return err
}
