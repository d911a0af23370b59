// SPDX-License-Identifier: MIT

package cpio

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

func archive(t *testing.T, fill func(*Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	fill(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// golden is one file's entry and the trailer, written by hand from the kernel's buffer-format.rst.
const golden = "070701" +
	"00000001" + "000081ED" + "00000000" + "00000000" + "00000001" + "00000000" + // ino mode uid gid nlink mtime
	"00000003" + "00000000" + "00000000" + "00000000" + "00000000" + "00000005" +
	"00000000" + // size, devices, namesize, check
	"init\x00" + "\x00" + // 110+5 padded to 116
	"hi\n" + "\x00" +
	"070701" +
	"00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" +
	"00000000" + "00000000" + "00000000" + "00000000" + "00000000" + "0000000B" + "00000000" +
	"TRAILER!!!\x00" + "\x00\x00\x00"

func TestGolden(t *testing.T) {
	got := archive(t, func(w *Writer) { w.File("/init", 0o755, []byte("hi\n")) })
	want := append([]byte(golden), make([]byte, 512-len(golden))...)
	if !bytes.Equal(got, want) {
		t.Errorf("archive is\n%q\nwant\n%q", got, want)
	}
}

// sample has every kind of entry, and data of every remainder of 4.
func sample(w *Writer) {
	w.Dir("tmp", 0o777|fs.ModeSticky)
	w.Device("dev/console", 0o600, 5, 1)
	w.File("sbin/init", 0o755, []byte("#!/bin/sh\n"))
	w.Symlink("sbin/modprobe", "../init")
	w.Dir("/sbin/", 0o700) // already exists: no second entry
	for i, data := range []string{"", "a", "ab", "abc", "abcd"} {
		w.File("data/"+strings.Repeat("x", i+1), 0o640, []byte(data))
	}
	w.File("data/Ünïcode name", fs.ModeSetuid|0o755, []byte("1"))
}

func TestDeterministic(t *testing.T) {
	a, b := archive(t, sample), archive(t, sample)
	if !bytes.Equal(a, b) {
		t.Error("two archives of the same entries differ")
	}
	if len(a)%512 != 0 {
		t.Errorf("archive of %d bytes is not padded to 512", len(a))
	}
}

func needCpio(t *testing.T) {
	t.Helper()
	needs.Program(t, "cpio")
}

func TestRealCpioLists(t *testing.T) {
	needCpio(t)
	cmd := exec.Command("cpio", "-t", "--quiet")
	cmd.Stdin = bytes.NewReader(archive(t, sample))
	out, err := cmd.CombinedOutput()
	want := "tmp\ndev\ndev/console\nsbin\nsbin/init\nsbin/modprobe\ndata\n" +
		"data/x\ndata/xx\ndata/xxx\ndata/xxxx\ndata/xxxxx\ndata/Ünïcode name\n"
	if err != nil || string(out) != want {
		t.Errorf("cpio -t: %v\n%s\nwant\n%s", err, out, want)
	}
}

func TestRealCpioUnpacks(t *testing.T) {
	needCpio(t)
	dir := t.TempDir()
	cmd := exec.Command("cpio", "-i", "--quiet", "--no-absolute-filenames")
	cmd.Dir = dir
	root := os.Getuid() == 0
	cmd.Stdin = bytes.NewReader(archive(t, func(w *Writer) {
		w.Dir("tmp", 0o777|fs.ModeSticky)
		w.File("data/abc", 0o640, []byte("abc"))
		w.Symlink("link", "data/abc")
		if root { // only root can create devices
			w.Device("dev/console", 0o600, 5, 1)
		}
	}))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cpio -i: %v\n%s", err, out)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "link")); err != nil || string(data) != "abc" {
		t.Errorf("through the link: %q, %v", data, err)
	}
	for name, want := range map[string]fs.FileMode{"data/abc": 0o640, "tmp": fs.ModeDir | fs.ModeSticky | 0o777} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if !root {
		t.Log("not root: the device was left out")
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "dev/console"), &st); err != nil {
		t.Fatal(err)
	}
	if st.Mode != unix.S_IFCHR|0o600 || unix.Major(st.Rdev) != 5 || unix.Minor(st.Rdev) != 1 {
		t.Errorf("dev/console has mode %o and number %d:%d", st.Mode, unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("n", maxName)
	for _, test := range []struct {
		name string
		fill func(*Writer)
		want string
	}{
		{"empty", func(w *Writer) { w.File("", 0, nil) }, "names the archive's root"},
		{"root", func(w *Writer) { w.Dir("/", 0o755) }, "names the archive's root"},
		{"leaves", func(w *Writer) { w.File("a/../../b", 0, nil) }, "leaves the archive"},
		{"zero byte", func(w *Writer) { w.File("a\x00b", 0, nil) }, "zero byte"},
		{"trailer", func(w *Writer) { w.File("TRAILER!!!", 0, nil) }, "marks the end of an archive"},
		{"long", func(w *Writer) { w.File(long, 0, nil) }, "the kernel's limit is 4095"},
		{"long target", func(w *Writer) { w.Symlink("l", long) }, "target of 4096 bytes"},
		{"empty target", func(w *Writer) { w.Symlink("l", "") }, "target of 0 bytes"},
		{"twice", func(w *Writer) { w.File("a", 0, nil); w.File("./a", 0, nil) }, "has that name already"},
		{"file as parent", func(w *Writer) { w.File("a", 0, nil); w.File("a/b", 0, nil) }, "is not a directory"},
		{"file as grandparent", func(w *Writer) { w.File("a", 0, nil); w.File("a/b/c", 0, nil) }, "is not a directory"},
		{"dir over file", func(w *Writer) { w.File("a", 0, nil); w.Dir("a", 0) }, "has that name already"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := NewWriter(&bytes.Buffer{})
			test.fill(w)
			if err := w.Close(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Close returned %v, want %q in it", err, test.want)
			}
		})
	}
}

type brokenWriter struct{ room int }

var errFull = errors.New("no space left")

func (b *brokenWriter) Write(p []byte) (int, error) {
	if len(p) > b.room {
		return b.room, errFull
	}
	b.room -= len(p)
	return len(p), nil
}

func TestWriteErrorSticks(t *testing.T) {
	for room := range 300 {
		w := NewWriter(&brokenWriter{room})
		w.File("a/b", 0o644, []byte("data"))
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes Close returned %v", room, err)
		}
	}
}

func TestClosed(t *testing.T) {
	w := NewWriter(&bytes.Buffer{})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.File("late", 0, nil)
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("an entry after Close: %v", err)
	}
}
