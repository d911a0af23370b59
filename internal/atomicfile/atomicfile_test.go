// SPDX-License-Identifier: MIT

package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWrite(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	for _, name := range []string{"a.json", strings.Repeat("ä", 127)} {
		for _, text := range []string{"old", "new"} {
			path := filepath.Join(dir, name)
			if err := Write(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			fi, serr := os.Stat(path)
			if string(got) != text || err != nil || serr != nil || fi.Mode() != 0o640 {
				t.Errorf("%q, %v, %v", got, fi.Mode(), errors.Join(err, serr))
			}
		}
	}
	if list := names(t, dir); len(list) != 2 {
		t.Errorf("%q", list)
	}
}

// TestDrop: a file that is dropped, or that cannot be committed, leaves what was there before.
func TestDrop(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Drop(), f.Drop()); err != nil || f.Commit() == nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("%q", got)
	}
	if f, err = Create(filepath.Join(dir, "b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a folder was replaced")
	}
	if list := names(t, dir); len(list) != 2 {
		t.Errorf("%q", list)
	}
	if _, err := Create(filepath.Join(dir, "none/x"), 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
}

// TestKilled: what a killed process leaves is gone when the file is written again, and nothing else is.
func TestKilled(t *testing.T) {
	if path := os.Getenv("KMODLAB_TEST_KILLED"); path != "" {
		if _, err := Create(path, 0o600); err != nil {
			t.Fatal(err)
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for range 2 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "KMODLAB_TEST_KILLED="+path)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("it was not killed: %v\n%s", err, out)
		}
		if list := names(t, dir); len(list) != 1 {
			t.Fatalf("left: %q", list)
		}
	}
	used, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer used.Drop()
	keep := []string{".a123456", ".a.kmodlab-x", ".ab.kmodlab-" + strings.Repeat("A", 26), filepath.Base(used.Name()), "a"}
	for _, name := range keep[:3] {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if list := names(t, dir); len(list) != len(keep) {
		t.Errorf("%q", list)
	}
}

// TestTogether: writers do not remove each other's file.
func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 50 {
				if err := Write(path, fmt.Append(nil, n), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestOthersFile: another user's file of such a name stays, and is not opened: whoever holds a lease on it would have
// us wait.
func TestOthersFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's file")
	}
	path := filepath.Join(t.TempDir(), "a")
	theirs := Hidden(path) + strings.Repeat("A", 26)
	own := Hidden(path) + strings.Repeat("B", 26)
	for _, name := range []string{theirs, own} {
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(theirs, 65533, 65533); err != nil {
		t.Fatal(err)
	}
	link := Hidden(path) + strings.Repeat("C", 26)
	if err := os.Symlink(theirs, link); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{theirs: true, own: false, link: true} {
		if _, err := os.Lstat(name); (err == nil) != want {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
}
