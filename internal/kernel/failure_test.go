// SPDX-License-Identifier: MIT

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// getFails gets a kernel that cannot be had, and checks the error and that nothing is left.
func getFails(t *testing.T, s *Store, name string, cause error, says ...string) {
	t.Helper()
	start := time.Now()
	k, err := s.Get(testContext(t), name)
	if !errors.Is(err, cause) {
		t.Fatalf("%s: %v, %v, want %v", name, k, err, cause)
	}
	for _, want := range says {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	t.Logf("after %.1f s: %v", time.Since(start).Seconds(), err)
	n, _ := parseDebian(strings.TrimPrefix(name, "debian:"))
	for _, dir := range []string{filepath.Join(s.Dir, n.folder()), s.fetchDir(n)} {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind", dir)
		}
	}
}

func TestNoApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := &Store{Dir: filepath.Join(t.TempDir(), "kernels")}
	getFails(t, s, "debian:bookworm", ErrNoApt, "apt-get not found", "--kernel host")
	f := s.Check(testContext(t))
	if f[0].Name != "apt" || f[0].OK || f[0].Fix == "" {
		t.Errorf("Check: %+v", f[0])
	}
}

func TestNoSuchSuiteOrVersion(t *testing.T) {
	need(t, "apt-get", "dpkg-deb")
	s := &Store{Dir: filepath.Join(t.TempDir(), "kernels"), Mirror: os.Getenv("KMODLAB_MIRROR")}
	getFails(t, s, "debian:zurg", ErrUnknownName, "serves no suite zurg", "trixie-backports", "path:")
	getFails(t, s, "debian:bookworm,no-such-package", ErrUnknownName, "Unable to locate package no-such-package")
	getFails(t, s, "debian:bookworm=9.9.9-1", ErrUnknownName, "bookworm serves no version 9.9.9-1", "6.1.0-")
}

func TestMirrorThatFails(t *testing.T) {
	need(t, "apt-get", "dpkg-deb")
	s := &Store{Dir: filepath.Join(t.TempDir(), "kernels"), Mirror: "http://127.0.0.1:9/debian"}
	getFails(t, s, "debian:bookworm", ErrNoSource, "127.0.0.1", "KMODLAB_MIRROR")
	s.Mirror = "not a mirror"
	getFails(t, s, "debian:bookworm", ErrNoSource, "not a mirror")

	// An archive that nobody signed.
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Release") {
			fmt.Fprintf(w,
				"Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n",
				time.Now().UTC().Format(time.RFC1123))
			return
		}
		http.NotFound(w, r)
	}))
	defer srv.Close()
	s.Mirror = srv.URL + "/debian"
	getFails(t, s, "debian:bookworm", ErrSignature, "is not signed", "debian-archive-keyring")
}

// smallDisk mounts a tmpfs of that many MiB.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a full disk needs root, to mount a small one")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size)); err != nil {
		t.Skipf("NOT TESTED: a full disk: mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestNoSpace(t *testing.T) {
	need(t, "apt-get", "dpkg-deb", "mke2fs")
	for _, size := range []int{32, 300} {
		s := &Store{Dir: filepath.Join(smallDisk(t, size), "kernels"), Mirror: os.Getenv("KMODLAB_MIRROR")}
		getFails(t, s, "debian:bookworm", ErrNoSpace, s.Dir, "needs", "MiB free", "XDG_CACHE_HOME")
		for _, f := range s.Check(testContext(t)) {
			if f.Name == "cache space" && (f.OK || f.Fix == "") {
				t.Errorf("%d MiB: Check: %+v", size, f)
			}
		}
	}
	// A disk that fills up while we work.
	dir := smallDisk(t, 2)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "large"), make([]byte, 4<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 4 << 20 / 4096 {
		// Not a hole: mke2fs leaves holes out.
		f, err := os.OpenFile(filepath.Join(root, "large"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt([]byte{1}, int64(i)*4096)
		f.Close()
	}
	err := makeImage(testContext(t), root, filepath.Join(dir, "root.ext4"), strings.Repeat("0", 64))
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), dir) {
		t.Errorf("an image that does not fit: %v", err)
	}
	err = spaceError(dir, os.WriteFile(filepath.Join(dir, "x"), make([]byte, 4<<20), 0o644))
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a file that does not fit: %v", err)
	}
}

func TestCheckHere(t *testing.T) {
	need(t, "apt-get", "dpkg-deb", "mke2fs")
	s := testStore(t)
	seen := map[string]bool{}
	for _, f := range s.Check(testContext(t)) {
		t.Logf("%+v", f)
		seen[f.Name] = true
		if f.Detail == "" || f.OK && f.Fix != "" {
			t.Errorf("%+v: no detail, or a fix for what is right", f)
		}
		if !f.OK && f.Name != "host kernel" {
			t.Errorf("%s does not do on this machine, where kernels are fetched: %+v", f.Name, f)
		}
	}
	for _, name := range []string{"apt", "Debian mirror", "Debian keyring", "mke2fs", "cache space", "cached kernels",
		"host kernel"} {
		if !seen[name] {
			t.Errorf("Check says nothing about %s", name)
		}
	}
	none := (&Store{Dir: s.Dir, Mirror: "nonsense"}).Check(testContext(t))
	for _, f := range none {
		if f.Name == "Debian mirror" && (f.OK || !strings.Contains(f.Fix, "KMODLAB_MIRROR")) {
			t.Errorf("a wrong mirror: %+v", f)
		}
	}
}
