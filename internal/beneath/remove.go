// SPDX-License-Identifier: MIT

package beneath

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
)

// RemoveAll removes a folder with what others put into it: folders without permissions, and more folders in folders
// than a name can have or a process can keep open. It does not fail if the folder is not there.
func RemoveAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	if err := flatten(dir); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return os.RemoveAll(dir)
}

// flatten empties a folder from above: what is in its folders moves up, until no folder is in another one. Names stay
// short this way, and one folder at a time is open.
func flatten(dir string) error {
	_ = os.Chmod(dir, 0o700) // it may be refused, then the opening fails
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	list, err := names(root, ".")
	free := rand.Text() // is no name in there
	for moved := 0; err == nil && len(list) > 0; {
		name := list[len(list)-1]
		list = list[:len(list)-1]
		if root.Remove(name) == nil { // no folder, or an empty one
			continue
		}
		var up []string
		if up, err = raise(root, name, func() string { moved++; return fmt.Sprint(free, moved) }); err != nil {
			break
		}
		list = append(list, up...)
		err = root.Remove(name)
	}
	return err
}

// raise moves the folders in a folder up to the top, to free names, and removes the rest of what is in it.
func raise(root *os.Root, name string, free func() string) (up []string, err error) {
	if err := root.Chmod(name, 0o700); err != nil {
		return nil, err
	}
	inside, err := names(root, name)
	if err != nil {
		return nil, err
	}
	for _, n := range inside {
		at := path.Join(name, n)
		if root.Remove(at) == nil {
			continue
		}
		_ = root.Chmod(at, 0o700) // to move a folder, one must be allowed to write in it
		to := free()
		if err := root.Rename(at, to); err != nil {
			return nil, err
		}
		up = append(up, to)
	}
	return up, nil
}

func names(root *os.Root, dir string) ([]string, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	list, err := f.Readdirnames(-1)
	return list, errors.Join(err, f.Close())
}
