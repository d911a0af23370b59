// SPDX-License-Identifier: MIT

// Package cachedir says where in a cache this host works. A home that several hosts share is a usual place for a
// cache. Kernels may lie there: they never change once they are there. What is made, locked and removed must not: a
// lock may hold on one host only, and a machine's memory that another host removes is gone while it is in use.
package cachedir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Variable of the environment that names the folder in which this host works, whatever the cache is.
const Variable = "KMODLAB_HOST_CACHE"

// Own is the folder in which this host makes what belongs to a cache: builds, snapshots, temporary folders. It is the
// cache itself if that is on a disk of this host, and else a folder of this user's on such a disk. Nothing is made.
func Own(cache string) (string, error) {
	if dir := os.Getenv(Variable); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("use $%s: %s is no absolute path", Variable, dir)
		}
		return filepath.Clean(dir), nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return place{
		local: Local, host: host, uid: os.Geteuid(), temporary: []string{"/var/tmp", os.TempDir()},
	}.own(cache)
}

// place is a host, as far as Own has to know it.
type place struct {
	local     func(path string) (bool, error)
	host      string
	uid       int
	temporary []string
}

func (p place) own(cache string) (string, error) {
	local, err := p.local(cache)
	if err != nil {
		return "", fmt.Errorf("look at the cache's file system: %w", err)
	}
	if local {
		return cache, nil
	}
	sum := sha256.Sum256([]byte(cache))
	name := filepath.Join(fmt.Sprintf("kmodlab-%d", p.uid), "cache-"+hex.EncodeToString(sum[:6]))
	for _, dir := range p.temporary {
		if local, err := p.local(dir); err == nil && local {
			return filepath.Join(dir, name), nil
		}
	}
	if p.host == "" || !filepath.IsLocal(p.host) || filepath.Base(p.host) != p.host {
		return "", fmt.Errorf("find a disk of this host: %s is on a file system that other hosts may use: "+
			"set %s to a folder that no other host uses", cache, Variable)
	}
	return filepath.Join(cache, "hosts", p.host), nil // no disk, but no other host works in it
}

// alone are the file systems that one host has to itself, by the numbers of statfs(2). One that is not here, as NFS,
// Lustre, a cluster's or one of FUSE, may be used by other hosts at the same time.
var alone = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
	unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.REISERFS_SUPER_MAGIC, unix.NILFS_SUPER_MAGIC,
	0x2fc12fc1, // ZFS
	0xca451a4e, // bcachefs
	0x3153464a, // JFS
}

// Local says whether a path, or the nearest folder on the way to it that is there, is on a file system that this host
// has to itself.
func Local(path string) (bool, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err == nil {
			break
		}
		up := filepath.Dir(path)
		if !errors.Is(err, unix.ENOENT) || up == path {
			return false, &os.PathError{Op: "statfs", Path: path, Err: err}
		}
		path = up
	}
	return isAlone(int64(st.Type)), nil
}

func isAlone(kind int64) bool {
	for _, k := range alone {
		if k == kind&0xffffffff { // some systems extend the sign
			return true
		}
	}
	return false
}
