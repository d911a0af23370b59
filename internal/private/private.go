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

// Error is a folder that is not private, and the one on the way to it that is the reason.
type Error struct{ Dir, Level, Why string }

func (e *Error) Error() string {
	return fmt.Sprintf("%s is not this user's alone: %s %s", e.Dir, e.Level, e.Why)
}

// Make creates a folder, and those on the way to it, for this user alone, or checks the one that is there. One of this
// user's that others may enter is closed to them. One in which others may have put something is refused.
func Make(dir string) error { return follow(dir, true) }

// Check is Make for a folder that is only read: nothing is made or changed, and what is not there is fine.
func Check(dir string) error { return follow(dir, false) }

func follow(dir string, create bool) error {
	if dir == "" { // it would be the current folder
		return errors.New("a folder without a name cannot be this user's alone")
	}
	m := maker{dir: dir, uid: os.Geteuid(), unmapped: unmappedOwner(), create: create}
	return m.follow(dir)
}

// maker follows the way to a folder.
type maker struct {
	dir      string
	uid      int
	unmapped int // who owns what belongs to nobody of this user namespace; -1 in the machine's own
	create   bool
	linked   bool // the folder is what a link in the real one leads to
	closed   bool // a level is closed to others: they cannot reach those below it
	shared   bool // the level before is a folder in which anybody may put something, as /tmp
}

func (m *maker) follow(path string) error {
	way := Way{Begin: func() { m.closed, m.shared = false, false }, Link: m.link, Level: m.level}
	if m.create {
		way.Missing = m.makeLevel
	}
	end, unseen, err := way.Follow(path)
	if err == nil && (m.create || !errors.Is(unseen, fs.ErrNotExist)) {
		err = unseen
	}
	var private *Error
	switch {
	case errors.As(err, &private):
		return err
	case err != nil && m.create:
		return fmt.Errorf("make %s: %w", m.dir, err)
	case err != nil:
		return fmt.Errorf("check %s: %w", m.dir, err)
	case end == "/":
		return &Error{m.dir, end, "is everybody's"}
	}
	return nil
}

func (m *maker) makeLevel(path string) (fs.FileInfo, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.Lstat(path)
}

// link lets a link pass, on the way or at its end: people keep a cache on a larger disk. Whoever owns the link decides
// that.
func (m *maker) link(_, path string, fi fs.FileInfo) error {
	if owner := ownerOf(fi); !m.trusts(owner) {
		return &Error{m.dir, path, "is a link that belongs to " + m.named(owner)}
	}
	return nil
}

// trusts reports whether an owner may decide what is on the way: this user, or root. In a user namespace without this
// machine's root, /home belongs to nobody that is known there. It passes for root's, except where anybody can have put
// it; the folder itself has to be this user's all the same. All that are not known look alike there, so another user's
// folder passes on the way, too: who enters a namespace names a cache of their own.
func (m *maker) trusts(owner int) bool {
	return owner == m.uid || owner == 0 || owner == m.unmapped && !m.shared
}

// level checks one level. last says that it is the folder itself.
func (m *maker) level(_, path string, fi fs.FileInfo, last bool) error {
	owner, mode := ownerOf(fi), fi.Mode()
	open := m.open(fi)
	switch {
	case !fi.IsDir():
		return &Error{m.dir, path, "is not a folder"}
	case owner != m.uid && (last || !m.trusts(owner)):
		return &Error{m.dir, path, "belongs to " + m.named(owner)}
	case open && !m.closed && !last && mode&fs.ModeSticky == 0:
		return &Error{m.dir, path, "can be changed by others; type: chmod go-w " + path}
	case open && !m.closed && last && !empty(path):
		return &Error{m.dir, path, "can be changed by others, who may have put something there: " +
			"remove it, or, if nobody has, type: chmod -R go-w " + path}
	}
	if last {
		if err := m.last(path, mode); err != nil {
			return err
		}
	}
	m.closed = m.closed || owner == m.uid && mode.Perm()&0o077 == 0
	m.shared = open && !m.closed
	return nil
}

// last closes the folder to others, and looks at what is there already.
func (m *maker) last(path string, mode fs.FileMode) error {
	if m.create && mode.Perm()&0o077 != 0 {
		err := m.close(path)
		if err != nil && !(errors.Is(err, unix.EROFS) && mode.Perm()&0o022 == 0) { // else nobody writes there
			return err
		}
	}
	return m.inner(path, innerLevels)
}

// close closes a folder to others. Some file systems say that they do, and do not.
func (m *maker) close(path string) error {
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	fi, err := os.Lstat(path)
	if err == nil && fi.Mode().Perm()&0o022 != 0 {
		err = &Error{m.dir, path, "is on a file system that keeps nobody out"}
	}
	return err
}

// innerLevels of folders are in a cache before what one run has made: kernels/, kernels/debian-bookworm/.
const innerLevels = 2

// inner refuses what others may have put into the folder before it was closed to them.
func (m *maker) inner(dir string, depth int) error {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range list {
		if err := m.entry(filepath.Join(dir, e.Name()), e, depth); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) entry(path string, e fs.DirEntry, depth int) error {
	fi, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) { // another run has just removed it
		return nil
	}
	if err != nil {
		return err
	}
	owner, open := ownerOf(fi), e.IsDir() && m.open(fi)
	switch {
	case owner == 0 && m.uid != 0: // root has put it there, as mkfs does with lost+found
		return nil
	case owner == m.unmapped:
		return &Error{m.dir, path, "belongs to " + m.named(owner)}
	case owner != m.uid:
		return &Error{m.dir, path, fmt.Sprintf("belongs to %s: remove it, or, if you trust its contents, type: chown -R %d %s",
			m.named(owner), m.uid, path)}
	case open && !empty(path):
		return &Error{m.dir, path, "can be changed by others: remove it, or, if nobody has changed it, type: chmod -R go-w " + path}
	case open && m.create: // as a tmpfs that was just mounted
		if err := m.close(path); err != nil {
			return err
		}
		return m.inner(path, 1) // somebody may have been faster
	case e.IsDir() && depth > 1:
		return m.inner(path, depth-1)
	case e.Type() == fs.ModeSymlink && depth == innerLevels && !m.linked && isFolder(path): // kept on a larger disk
		inner := maker{dir: m.dir, uid: m.uid, unmapped: m.unmapped, create: m.create, linked: true}
		return inner.follow(path)
	}
	return nil
}

func isFolder(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// empty reports whether a folder is known to have nothing in it.
func empty(dir string) bool {
	list, err := os.ReadDir(dir)
	return err == nil && len(list) == 0
}

// open reports whether others can change a folder. A group that a user has alone is no others: many systems make one
// for each user, and have new folders belong to it.
func (m *maker) open(fi fs.FileInfo) bool {
	perm := fi.Mode().Perm()
	return perm&0o002 != 0 || perm&0o020 != 0 && !ownGroup(m.uid, int(fi.Sys().(*syscall.Stat_t).Gid))
}

// ownGroup reports whether a group is a user's own: the user's first, and of the same name.
func ownGroup(uid, gid int) bool {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || u.Gid != strconv.Itoa(gid) {
		return false
	}
	g, err := user.LookupGroupId(u.Gid)
	return err == nil && g.Name == u.Username
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
