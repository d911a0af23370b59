// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// linkError is a link, or a FIFO, that another user has put where a person wants to write a file. The kernel refuses
// to open those (fs.protected_symlinks, fs.protected_fifos), but a rename in the folder that a link leads to opens
// nothing.
type linkError struct{ path, what string }

func (e *linkError) Error() string {
	return fmt.Sprintf("%s is another user's %s in a world-writable folder", e.path, e.what)
}

// maxLinks bounds the links on the way to a file, as the kernel does.
const maxLinks = 40

// followed returns the path of a file that is to be written, with all links resolved. What does not exist yet is left
// as it is. In a folder that is sticky and world-writable, only our own links and those of the folder's owner are
// followed.
func followed(name string) (string, error) {
	rest := strings.Split(name, "/")
	at := "/"
	if !filepath.IsAbs(name) {
		var err error
		if at, err = os.Getwd(); err != nil {
			return "", err
		}
	}
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		st, err := os.Lstat(next)
		if err != nil {
			return filepath.Join(next, filepath.Join(rest[1:]...)), nil // whoever opens it says what is wrong
		}
		if err := trusted(at, next, st); err != nil {
			return "", err
		}
		rest = rest[1:]
		if st.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return "", &fs.PathError{Op: "open", Path: name, Err: errors.Join(err, unix.ELOOP)}
		}
		if strings.HasPrefix(next, "/proc/") { // its text is not where it leads to
			return filepath.Join(next, filepath.Join(rest...)), nil
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// trusted refuses another user's link or FIFO in a folder where anybody may have put it.
func trusted(dir, path string, st fs.FileInfo) error {
	what := map[fs.FileMode]string{fs.ModeSymlink: "link", fs.ModeNamedPipe: "FIFO"}[st.Mode().Type()]
	if what == "" {
		return nil
	}
	folder, err := os.Stat(dir)
	if err != nil {
		return err
	}
	const shared = fs.ModeSticky | 0o002
	owner, folders := ownerOf(st), ownerOf(folder)
	if folder.Mode()&shared != shared || owner == uint32(os.Geteuid()) || owner == folders {
		return nil
	}
	return &linkError{path, what}
}

func ownerOf(st fs.FileInfo) uint32 { return st.Sys().(*syscall.Stat_t).Uid }
