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
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// openError is a folder that is not private, and the one on the way to it that is the reason.
type openError struct{ Dir, Level, Why string }

func (e *openError) Error() string {
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
	m := maker{dir: abs, uid: os.Geteuid(), unmapped: unmappedOwner(), create: create}
	return m.walk("/", strings.Split(strings.Trim(abs, "/"), "/"))
}

// maker follows the way to a folder, level by level.
type maker struct {
	dir      string
	uid      int
	unmapped int // who owns what belongs to nobody of this user namespace; -1 in the machine's own
	create   bool
	links    int
	closed   bool // a level is closed to others: they cannot reach those below it
	shared   bool // the level before is a folder in which anybody may put something, as /tmp
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
		if fi.Mode()&fs.ModeSymlink != 0 {
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

// follow goes on where a link leads to, on the way or at its end: people keep a cache on a larger disk. Whoever owns
// the link decides that.
func (m *maker) follow(at, link string, fi fs.FileInfo, rest []string) (string, []string, error) {
	if owner := ownerOf(fi); !m.trusts(owner) {
		return "", nil, &openError{m.dir, link, "is a link that belongs to " + m.named(owner)}
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
	m.closed, m.shared = false, false // levels that were passed are passed again
	return "/", append(strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"), rest...), nil
}

// trusts reports whether an owner may decide what is on the way: this user, or root. In a user namespace without this
// machine's root, /home belongs to nobody that is known there. It passes for root's, except where anybody can have put
// it; the folder itself has to be this user's all the same. All that are not known look alike there, so another user's
// folder passes on the way, too: who enters a namespace names a cache of their own.
func (m *maker) trusts(owner int) bool {
	return owner == m.uid || owner == 0 || owner == m.unmapped && !m.shared
}

// level checks one level. last says that it is the folder itself.
func (m *maker) level(path string, fi fs.FileInfo, last bool) error {
	owner, mode := ownerOf(fi), fi.Mode()
	switch {
	case !fi.IsDir():
		return &openError{m.dir, path, "is not a folder"}
	case owner != m.uid && (last || !m.trusts(owner)):
		return &openError{m.dir, path, "belongs to " + m.named(owner)}
	case last && mode.Perm()&0o077 != 0:
		err := os.Chmod(path, 0o700)
		if errors.Is(err, unix.EROFS) && mode.Perm()&0o022 == 0 {
			break // nobody writes there
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", m.dir, err)
		}
	case !last && mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 && !m.closed:
		return &openError{m.dir, path, "can be changed by others: chmod go-w " + path}
	}
	m.closed = m.closed || owner == m.uid && mode.Perm()&0o077 == 0
	m.shared = mode.Perm()&0o022 != 0 && !m.closed
	return nil
}

func ownerOf(fi fs.FileInfo) int { return int(fi.Sys().(*syscall.Stat_t).Uid) }

// named is a user in words, with what to do about one without a name.
func (m *maker) named(uid int) string {
	if uid == m.unmapped {
		return fmt.Sprintf("a user that this user namespace does not know (it shows as %d): "+
			"run kmodlab outside of it, or name another folder with XDG_CACHE_HOME", uid)
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return "user " + u.Username
	}
	return fmt.Sprintf("user %d", uid)
}

// unmappedOwner is the owner, in this user namespace, of what belongs to no user of it; -1 if it has all users.
func unmappedOwner() int {
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return -1
	}
	// A kernel without user namespaces has no such files.
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return -1
	}
	return unmappedBy(string(users), string(overflow))
}

// allUsers is how many there are. The machine's own namespace maps them to themselves.
const allUsers = "4294967295"

func unmappedBy(users, overflow string) int {
	if slices.Equal(strings.Fields(users), []string{"0", "0", allUsers}) {
		return -1
	}
	uid, err := strconv.Atoi(strings.TrimSpace(overflow))
	if err != nil {
		return -1
	}
	return uid
}
