// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/kmodlab/kmodlab/internal/private"
)

// linkError is a link, or a FIFO, that another user has put where a person wants to write a file. The kernel refuses
// to follow such links in sticky folders (fs.protected_symlinks), but a rename in the folder that a link leads to opens
// nothing, and fs.protected_fifos is about files that are created.
type linkError struct{ path, what string }

func (e *linkError) Error() string {
	return fmt.Sprintf("%s is another user's %s: write to another file", e.path, e.what)
}

// followed returns the path of a file that is to be written, with all links resolved. What does not exist yet is left
// as it is: whoever opens it says what is wrong. Our own links, root's and those of the folder's owner are followed.
func followed(name string) (string, error) {
	way := private.Way{Link: trusted, Level: func(dir, path string, st fs.FileInfo, _ bool) error {
		if st.Mode().Type() != fs.ModeNamedPipe {
			return nil
		}
		return trusted(dir, path, st)
	}}
	path, _, err := way.Follow(name)
	return path, err
}

// trusted refuses another user's link or FIFO in a folder where others may put one, except in that user's own.
func trusted(dir, path string, st fs.FileInfo) error {
	folder, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner := ownerOf(st)
	if folder.Mode().Perm()&0o022 == 0 || owner == 0 || owner == uint32(os.Geteuid()) || owner == ownerOf(folder) {
		return nil
	}
	return &linkError{path, map[fs.FileMode]string{fs.ModeSymlink: "link", fs.ModeNamedPipe: "FIFO"}[st.Mode().Type()]}
}

func ownerOf(st fs.FileInfo) uint32 { return st.Sys().(*syscall.Stat_t).Uid }
