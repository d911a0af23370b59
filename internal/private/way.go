// SPDX-License-Identifier: MIT

package private

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Way follows a name level by level, links included, as the kernel does when it opens one.
type Way struct {
	// Begin is called before the first level, and again where a link or ".." leads to another folder.
	Begin func()
	// Missing makes a level that is not there. If it is nil, the way ends there.
	Missing func(path string) (fs.FileInfo, error)
	// Link refuses a link in dir.
	Link func(dir, path string, fi fs.FileInfo) error
	// Level refuses anything else. last says that nothing follows it.
	Level func(dir, path string, fi fs.FileInfo, last bool) error
}

// maxLinks bounds the links on the way, as the kernel does.
const maxLinks = 40

// errMagic is a link of /proc: its text is not where it leads to.
var errMagic = errors.New("only the kernel knows where it leads to")

// Follow returns where a name leads to. unseen is why the last levels could not be seen, and stay as they are in path:
// they are not there, may not be looked at, or lie behind a link of /proc.
func (w Way) Follow(name string) (path string, unseen, err error) {
	rest := levels(name)
	if !filepath.IsAbs(name) {
		dir, err := os.Getwd()
		if err != nil {
			return "", nil, err
		}
		rest = append(levels(dir), rest...)
	}
	w.begin()
	at, links := "/", 0
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		if rest[0] == ".." { // at has no links, so this is its parent
			at, rest = w.again(next, rest[1:])
			continue
		}
		fi, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) && w.Missing != nil {
			if fi, err = w.Missing(next); err != nil {
				return "", nil, err
			}
		}
		if err != nil {
			return rawPath(at, rest), err, nil
		}
		rest = rest[1:]
		if fi.Mode()&fs.ModeSymlink == 0 {
			if err := w.Level(at, next, fi, len(rest) == 0); err != nil {
				return "", nil, err
			}
			at = next
			continue
		}
		if err := w.Link(at, next, fi); err != nil {
			return "", nil, err
		}
		if strings.HasPrefix(next, "/proc/") {
			return rawPath(next, rest), &fs.PathError{Op: "follow", Path: next, Err: errMagic}, nil
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return "", nil, &fs.PathError{Op: "open", Path: name, Err: cmp.Or[error](err, unix.ELOOP)}
		}
		if !filepath.IsAbs(target) {
			target = at + "/" + target
		}
		at, rest = w.again(target, rest)
	}
	return at, nil, nil
}

// again begins at the root with another folder. What was on the way to it is passed once more.
func (w Way) again(folder string, rest []string) (string, []string) {
	w.begin()
	return "/", append(levels(folder), rest...)
}

// rawPath is a path with levels that were not followed, so nothing in it may be left out.
func rawPath(at string, rest []string) string {
	return strings.TrimSuffix(at, "/") + "/" + strings.Join(rest, "/")
}

func (w Way) begin() {
	if w.Begin != nil {
		w.Begin()
	}
}

// levels are the names in a path. "..", which may follow a link, is one of them.
func levels(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(n string) bool { return n == "" || n == "." })
}
