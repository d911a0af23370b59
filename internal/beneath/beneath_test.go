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

// folder is a folder with what strangers put into theirs, beside a file that is none of their business.
func folder(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	for _, err := range []error{
		os.MkdirAll(dir+"/x/y/z", 0o755),
		os.WriteFile(top+"/secret", []byte("secret"), 0o644),
		os.WriteFile(dir+"/a.c", []byte("int a;"), 0o644),
		os.WriteFile(dir+"/x/long", []byte(strings.Repeat("x", 100)), 0o644),
		os.Symlink("x/../a.c", dir+"/link.c"),
		os.Symlink("nothing", dir+"/dangling"),
		os.Symlink("../secret", dir+"/out"),
		os.Symlink(top+"/secret", dir+"/absolute"),
		os.Symlink("../../..", dir+"/x/y/z/up"), // the folder itself
		os.Symlink("x/y/z/up/../secret", dir+"/chain"),
		os.Symlink("loop", dir+"/loop"),
		unix.Mkfifo(dir+"/fifo", 0o644),
		unix.Mkfifo(dir+"/x/fifo", 0o644),
		os.Symlink("x/fifo", dir+"/tofifo"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	f, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]string{
		"a.c": "int a;", "link.c": "int a;", "x/../a.c": "int a;", "x/y/z/up/a.c": "int a;",
	} {
		if got, err := f.Read(name, 10); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"out", "absolute", "chain", "../secret", "/etc/passwd", "x/y/z/up/../secret", "loop", "dangling", "nobody", "",
	} {
		if got, err := f.Read(name, 10); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, name := range []string{"fifo", "tofifo", "x", "."} {
		if _, err := f.Read(name, 10); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var size *SizeError
	if _, err := f.Read("x/long", 99); !errors.As(err, &size) || size.Bytes != 100 {
		t.Errorf("a long file: %v", err)
	}
	if got, err := f.Read("x/long", 100); err != nil || len(got) != 100 {
		t.Errorf("a file that just fits: %d, %v", len(got), err)
	}
}

// TestReadPath: links are followed out, and all else is as in a folder.
func TestReadPath(t *testing.T) {
	dir := folder(t)
	for name, want := range map[string]string{"a.c": "int a;", "out": "secret", "absolute": "secret"} {
		if got, err := ReadPath(filepath.Join(dir, name), 10); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"fifo", "tofifo", "x", "."} {
		if _, err := ReadPath(filepath.Join(dir, name), 10); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadPath("/dev/null", 10); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a device: %v", err)
	}
	if _, err := ReadPath(filepath.Join(dir, "x/long"), 99); !errors.As(err, new(*SizeError)) {
		t.Errorf("a long file: %v", err)
	}
	for _, name := range []string{"loop", "dangling", "nobody"} {
		if _, err := ReadPath(filepath.Join(dir, name), 10); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestStays(t *testing.T) {
	f, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]bool{
		"link.c": true, "dangling": true, "tofifo": true, "x/y/z/up": true,
		"out": false, "absolute": false, "chain": false, "loop": false,
	} {
		if got := f.Stays(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSwapped: a folder that is replaced by a link while it is read is not followed out.
func TestSwapped(t *testing.T) {
	dir := folder(t)
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other := filepath.Join(filepath.Dir(dir), "other")
	for _, err := range []error{
		os.MkdirAll(other, 0o755), os.WriteFile(other+"/long", []byte("secret"), 0o644),
		os.Rename(dir+"/x", dir+"/aside"), os.Symlink(other, dir+"/x"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := f.Read("x/long", 200); err == nil {
		t.Errorf("%q is read", got)
	}
	// The folder itself stays the one that was opened.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read("a.c", 200); err != nil || string(got) != "int a;" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestWalk: links are listed and not entered.
func TestWalk(t *testing.T) {
	f, err := Open(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := make(map[string]fs.FileMode)
	err = fs.WalkDir(f.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		seen[name] = d.Type()
		return nil
	})
	if err != nil || len(seen) != 16 || seen["x/y/z/up"] != fs.ModeSymlink || seen["fifo"] != fs.ModeNamedPipe {
		t.Errorf("%v: %v", err, seen)
	}
}
