// SPDX-License-Identifier: MIT

package guest

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/kmodlab/kmodlab/internal/wire"
	"golang.org/x/sys/unix"
)

// TestAppendNames: entries deeper than requested, and processes, are left out.
func TestAppendNames(t *testing.T) {
	dir, buf := t.TempDir(), make([]byte, direntsSize)
	if err := os.MkdirAll(dir+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	if got, want := appendNames(nil, dir, readFolder(dir, buf), 2, buf),
		[]string{dir + "/a", dir + "/a/b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, name := range appendNames(nil, "/proc", readFolder("/proc", buf), 1, buf) {
		if name == "/proc/1" || name == "/proc/sys" {
			t.Errorf("%s is listed", name)
		}
	}
}

// TestReadFolder reads more than one system call returns, with every kind of file.
func TestReadFolder(t *testing.T) {
	dir := t.TempDir()
	for i := range 2000 {
		if err := os.WriteFile(fmt.Sprintf("%s/file-%04d", dir, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("file-0000", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/.folder", 0o700); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[os.FileMode]byte{0: unix.DT_REG, os.ModeSymlink: unix.DT_LNK, os.ModeDir: unix.DT_DIR}
	buf := make([]byte, direntsSize)
	got := readFolder(dir, buf)
	slices.SortFunc(got, func(a, b dirent) int { return cmp.Compare(a.name, b.name) })
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, e := range want {
		info, err := os.Lstat(dir + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Lstat(dir+"/"+e.Name(), &st); err != nil {
			t.Fatal(err)
		}
		if w := (dirent{e.Name(), kinds[info.Mode().Type()], st.Ino}); got[i] != w {
			t.Errorf("%+v, want %+v", got[i], w)
		}
	}
	if list := readFolder(dir+"/none", buf); list != nil {
		t.Errorf("a folder that is not there has %d entries", len(list))
	}
}

func TestAppendDirentsBroken(t *testing.T) {
	entry := []byte{7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 24, 0, unix.DT_REG, 'a', 0, 0, 0, 0}
	for n := range len(entry) {
		if got := appendDirents(nil, entry[:n]); got != nil {
			t.Errorf("%d bytes of an entry give %+v", n, got)
		}
	}
	if got, want := appendDirents(nil, entry), []dirent{{"a", unix.DT_REG, 7}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestKthreads: a task that was there before is not opened again; another one with the same pid is.
func TestKthreads(t *testing.T) {
	pid := strconv.Itoa(os.Getpid()) // no kernel thread
	entry := dirent{pid, unix.DT_DIR, 5}
	n := names{threads: map[dirent]string{entry: "worker[" + pid + "]"}}
	if got, want := n.kthreads([]dirent{{name: "acpi"}, entry}),
		[]string{"worker[" + pid + "]"}; !slices.Equal(got, want) {
		t.Errorf("known: %q, want %q", got, want)
	}
	entry.inode++
	if got := n.kthreads([]dirent{entry}); len(got) > 0 {
		t.Errorf("another task with its pid: %q", got)
	}
	if len(n.threads) != 1 {
		t.Errorf("what is gone is kept: %v", n.threads)
	}
	if got := n.kthreads([]dirent{{"4194304999", unix.DT_DIR, 1}}); len(got) > 0 {
		t.Errorf("a task that is gone: %q", got)
	}
}

func TestSnapshot(t *testing.T) {
	var a Agent
	look := func(body string) *wire.SnapshotResult {
		t.Helper()
		result, _, err := a.snapshot(&wire.Message{Body: []byte(body)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return result.(*wire.SnapshotResult)
	}
	// without a first look there is nothing to compare with
	for _, body := range []string{`{"added":true}`, ""} {
		if s := look(body); !slices.Contains(s.Files, "/proc/cpuinfo") ||
			!slices.Contains(s.Devices, "character device 1 mem") {
			t.Errorf("%q: no /proc/cpuinfo or no mem: %d files, %q", body, len(s.Files), s.Devices)
		}
	}
	delete(a.names.first, "/proc/cpuinfo")
	delete(a.names.first, "character device 1 mem")
	s := look(`{"added":true}`)
	if !slices.Contains(s.Files, "/proc/cpuinfo") || slices.Contains(s.Files, "/proc/meminfo") ||
		!slices.Equal(s.Devices, []string{"character device 1 mem"}) {
		t.Errorf("added: %q, %q", s.Files, s.Devices)
	}
	if _, _, err := a.snapshot(&wire.Message{Body: []byte("[")}, nil); err == nil {
		t.Error("arguments that are none are taken")
	}
}
