// SPDX-License-Identifier: MIT

// Package private makes sure that a folder is its user's own: that nobody else can read what is in it, change it, or
// put another folder in its place. What foreign code has built lies in such a folder, and later runs trust it.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Error is a folder that is not private, and the one on the way to it that is the reason.
type Error struct{ Dir, Level, Why string }

func (e *Error) Error() string {
	return fmt.Sprintf("%s is not this user's alone: %s %s", e.Dir, e.Level, e.Why)
}

// maxLinks bounds the links on the way to a folder, as the kernel does.
const maxLinks = 40

// Make creates a folder, and those on the way to it, for this user alone, or checks the one that is there. One of this
// user's that others may enter is closed to them.
func Make(dir string) error { return walk(dir, true) }

// Check is Make for a folder that is only read: what is not there is not made, and is fine.
func Check(dir string) error { return walk(dir, false) }

func walk(dir string, create bool) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("check %s: %w", dir, err)
	}
	m := maker{dir: abs, uid: os.Geteuid(), create: create}
	return m.walk("/", strings.Split(strings.Trim(abs, "/"), "/"))
}

// maker follows the way to a folder, level by level.
type maker struct {
	dir    string
	uid    int
	create bool
	links  int
	closed bool // a level is closed to others: they cannot reach those below it
}

func (m *maker) walk(at string, rest []string) error {
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		fi, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) && !m.create {
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.Mkdir(next, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
				fi, err = os.Lstat(next)
			}
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", m.dir, err)
		}
		if fi.Mode()&fs.ModeSymlink != 0 && len(rest) > 0 {
			if at, rest, err = m.follow(at, next, fi, rest); err != nil {
				return err
			}
			continue
		}
		if err := m.level(next, fi, len(rest) == 0); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// follow goes on where a link on the way leads to. Whoever owns it decides that.
func (m *maker) follow(at, link string, fi fs.FileInfo, rest []string) (string, []string, error) {
	if owner := ownerOf(fi); owner != 0 && owner != m.uid {
		return "", nil, &Error{m.dir, link, "is a link that belongs to " + named(owner)}
	}
	if m.links++; m.links > maxLinks {
		return "", nil, fmt.Errorf("make %s: %w", m.dir, unix.ELOOP)
	}
	target, err := os.Readlink(link)
	if err != nil {
		return "", nil, fmt.Errorf("make %s: %w", m.dir, err)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(at, target)
	}
	m.closed = false // levels that were passed are passed again
	return "/", append(strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"), rest...), nil
}

// level checks one level. last says that it is the folder itself.
func (m *maker) level(path string, fi fs.FileInfo, last bool) error {
	owner, mode := ownerOf(fi), fi.Mode()
	switch {
	case !fi.IsDir() && mode&fs.ModeSymlink != 0:
		return &Error{m.dir, path, "is a link"}
	case !fi.IsDir():
		return &Error{m.dir, path, "is not a folder"}
	case owner != m.uid && (last || owner != 0):
		return &Error{m.dir, path, "belongs to " + named(owner)}
	case last && mode.Perm()&0o077 != 0:
		err := os.Chmod(path, 0o700)
		if errors.Is(err, unix.EROFS) && mode.Perm()&0o022 == 0 {
			break // nobody writes there
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", m.dir, err)
		}
	case !last && mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 && !m.closed:
		return &Error{m.dir, path, "can be changed by others: chmod go-w " + path}
	}
	m.closed = m.closed || owner == m.uid && mode.Perm()&0o077 == 0
	return nil
}

func ownerOf(fi fs.FileInfo) int { return int(fi.Sys().(*syscall.Stat_t).Uid) }

// named is a user in words.
func named(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return "user " + u.Username
	}
	return fmt.Sprintf("user %d", uid)
}
