// SPDX-License-Identifier: MIT

package scratch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func list(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	one, err := Make(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(one.Path+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	two, err := Make(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(one.Path + "/file"); err != nil {
		t.Errorf("a folder in use was removed: %v", err)
	}
	one.lock.Close() // as the kernel does for a process that was killed
	three, err := Make(dir, "three")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(one.Path); err == nil {
		t.Error("what a killed process left is still there")
	}
	for _, f := range []*Folder{two, three} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestKilled: what a process leaves that is killed at once is gone when the next one makes a folder.
func TestKilled(t *testing.T) {
	if os.Getenv("KMODLAB_TEST_KILLED") != "" {
		inCache, err := Make(os.Getenv("KMODLAB_TEST_KILLED"), "a")
		if err != nil {
			t.Fatal(err)
		}
		outside, err := MakeOutside("b")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(inCache.Path+"/x/y", 0o500), os.WriteFile(outside.Path+"/f", nil, 0)); err != nil {
			t.Fatal(err)
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	temp, cache := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	t.Setenv("TMPDIR", temp)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "KMODLAB_TEST_KILLED="+cache)
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v\n%s", err, out)
	}
	outside := filepath.Join(temp, fmt.Sprintf("kmodlab-%d", os.Geteuid()))
	for _, dir := range []string{cache, outside} {
		if len(list(t, dir)) == 0 {
			t.Fatalf("nothing was in %s", dir)
		}
	}
	for dir, make := range map[string]func() (*Folder, error){
		cache:   func() (*Folder, error) { return Make(cache, "next") },
		outside: func() (*Folder, error) { return MakeOutside("next") },
	} {
		f, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil || len(list(t, dir)) != 0 {
			t.Errorf("left: %q, %v", list(t, dir), err)
		}
	}
}

// TestMakeElsewhere: beside a cache that cannot be written to there is another place.
func TestMakeElsewhere(t *testing.T) {
	top := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(top, "tmp"))
	if err := os.WriteFile(top+"/cache", nil, 0o600); err != nil { // no folder, for root too
		t.Fatal(err)
	}
	f, err := Make(top+"/cache/tmp", "x")
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Dir(f.Path)
	if fi, err := os.Stat(own); err != nil || fi.Mode().Perm() != 0o700 || filepath.Dir(own) != os.TempDir() {
		t.Errorf("it is at %s, %v", f.Path, err)
	}
	if err := f.Close(); err != nil || len(list(t, own)) != 0 {
		t.Errorf("left: %q, %v", list(t, own), err)
	}
}

// TestSweepWithoutLock: a folder whose lock's file is gone is removed all the same, and one in use is not.
func TestSweepWithoutLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	used, err := Make(dir, "used")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "old-"+rand.Text()+"/deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	next, err := Make(dir, "next")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*Folder{used, next} {
		if _, err := os.Stat(f.Path); err != nil {
			t.Errorf("a folder in use was removed: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestSweepOwn: only what Make has made is removed.
func TestSweepOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	keep := []string{".ssh", "thesis", "thesis.lock", "old-1", "x-" + rand.Text()[1:], "-" + rand.Text()}
	for _, name := range keep {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Make(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, name := range keep {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
}

// TestOthersFolder: where another user's link leads to, nothing is removed and nothing is made.
func TestOthersFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make another user's link")
	}
	top := t.TempDir()
	t.Setenv("TMPDIR", top)
	victim := filepath.Join(top, "victim", "x-"+rand.Text())
	for _, link := range []string{"tmp", "cache"} {
		path := filepath.Join(top, link)
		if err := errors.Join(os.MkdirAll(victim, 0o700), os.Symlink("victim", path),
			os.Lchown(path, 65533, 65533)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(top+"/victim/tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{top + "/tmp", top + "/cache/tmp"} {
		f, err := Make(dir, "x")
		if err != nil {
			t.Fatal(err)
		}
		if own := fmt.Sprintf("kmodlab-%d", os.Geteuid()); filepath.Base(filepath.Dir(f.Path)) != own {
			t.Errorf("it is at %s", f.Path)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(victim); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestTogether: who makes a folder while others sweep gets one.
func TestTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				f, err := makeIn(dir, "x")
				if err != nil {
					t.Error(err)
					return
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}
