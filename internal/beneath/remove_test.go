// SPDX-License-Identifier: MIT

package beneath

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// deep makes so many folders in folders that no name of the last one is short enough for the kernel.
func deep(t *testing.T, dir string) {
	t.Helper()
	name := strings.Repeat("d", 200)
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if err := unix.Mkdirat(fd, name, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
}

func TestRemoveAll(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "work")
	out := filepath.Join(top, "out")
	for _, err := range []error{
		os.MkdirAll(dir+"/a/b/c", 0o755), os.MkdirAll(dir+"/.removed-0", 0o755), os.Mkdir(out, 0o755),
		os.WriteFile(out+"/kept", nil, 0o644), os.Symlink(out, dir+"/a/link"), os.WriteFile(dir+"/a/b/f", nil, 0o400),
		unix.Mkfifo(dir+"/a/fifo", 0o600), os.Chmod(dir+"/a/b", 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	deep(t, dir)
	if err := flatten(dir); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
	deep(t, dir)
	if err := RemoveAll(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := os.Stat(out + "/kept"); err != nil {
		t.Errorf("a link was followed: %v", err)
	}
	if err := RemoveAll(dir); err != nil {
		t.Errorf("what is not there: %v", err)
	}
}

// TestRemoveDeepest: more folders in folders than a process can have open are removed, with few descriptors.
func TestRemoveDeepest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	levels := 26_000
	if testing.Short() { // a disk takes 0.4 ms for each
		levels = 1_000
	}
	for range levels {
		if err := unix.Mkdirat(fd, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, "d", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 100
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	err = RemoveAll(dir)
	if restore := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil || restore != nil {
		t.Error(err, restore)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
