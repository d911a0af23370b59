// SPDX-License-Identifier: MIT

package kbuild

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackUnpack(t *testing.T) {
	src := tree(t, map[string]string{"out/lib/a.ko": "module", "out/e/": "", "src/Module.symvers": "s",
		"src/x.c": "not asked for", "out/l": "->lib"})
	var b, again bytes.Buffer
	if err := pack(&b, src, "out", "src/Module.symvers"); err != nil {
		t.Fatal(err)
	}
	if err := pack(&again, src, "out", "src/Module.symvers"); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("two packs differ (%v)", err)
	}
	dst := t.TempDir()
	if err := unpack(&b, dst); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"out/lib/a.ko": "module", "src/Module.symvers": "s"} {
		if got, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"src/x.c", "out/l"} {
		if _, err := os.Lstat(filepath.Join(dst, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was unpacked (%v)", name, err)
		}
	}
	if fi, err := os.Stat(filepath.Join(dst, "out/e")); err != nil || !fi.IsDir() {
		t.Errorf("the empty folder is missing: %v", err)
	}
}

func archive(t testing.TB, list ...tar.Header) []byte {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, h := range list {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		tw.Write(make([]byte, min(h.Size, 1<<16)))
	}
	tw.Flush()
	return b.Bytes()
}

func TestUnpackHostile(t *testing.T) {
	for _, c := range []struct {
		name string
		tar  []byte
		text string
	}{
		{"up", archive(t, tar.Header{Name: "../evil"}), "names"},
		{"up inside", archive(t, tar.Header{Name: "a/../../evil"}), "names"},
		{"absolute", archive(t, tar.Header{Name: "/evil"}), "names"},
		{"folder up", archive(t, tar.Header{Name: "../d/", Typeflag: tar.TypeDir}), "names"},
		{"twice", archive(t, tar.Header{Name: "a"}, tar.Header{Name: "a"}), "create file"},
		{"file as folder", archive(t, tar.Header{Name: "a"}, tar.Header{Name: "a/b"}), "create the folder"},
		{"itself", archive(t, tar.Header{Name: "."}), "create file"},
		{"huge", archive(t, tar.Header{Name: "a", Size: maxTarBytes + 1}), "more than"},
		{"long", archive(t, tar.Header{Name: strings.Repeat("a/", 600) + "b"}), "names"},
		{"cut", archive(t, tar.Header{Name: "a", Size: 1 << 20}), `file "a" is cut short`},
		{"garbage", bytes.Repeat([]byte("garbage!"), 200), "read the archive"},
	} {
		dir := t.TempDir()
		in := filepath.Join(dir, "in")
		if err := os.Mkdir(in, 0o755); err != nil {
			t.Fatal(err)
		}
		err := unpack(bytes.NewReader(c.tar), in)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: unpack = %v; want %q", c.name, err, c.text)
		}
		if list, _ := os.ReadDir(dir); len(list) != 1 {
			t.Errorf("%s: something was written outside", c.name)
		}
		if fi, err := os.Stat(filepath.Join(in, "a")); c.name == "cut" && err == nil {
			t.Errorf("%s: %d bytes of a file are left", c.name, fi.Size())
		}
	}
}

// A link in the archive is no way out, nor is one that already exists in the folder.
func TestUnpackLinks(t *testing.T) {
	dir := tree(t, map[string]string{"in/": "", "in/there": "->../out", "out/": ""})
	in := filepath.Join(dir, "in")
	links := archive(t, tar.Header{Name: "l", Linkname: "../out", Typeflag: tar.TypeSymlink},
		tar.Header{Name: "l/x", Size: 1})
	if err := unpack(bytes.NewReader(links), in); err != nil {
		t.Errorf("unpack = %v; want the link passed over", err)
	}
	if err := unpack(bytes.NewReader(archive(t, tar.Header{Name: "there/x"})), in); !errors.Is(err, ErrHostile) {
		t.Errorf("unpack through a link = %v; want ErrHostile", err)
	}
	if list, err := os.ReadDir(filepath.Join(dir, "out")); err != nil || len(list) != 0 {
		t.Errorf("%d files outside (%v)", len(list), err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: "a/b", Size: 3}, tar.Header{Name: "../c"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		in := filepath.Join(dir, "in")
		os.Mkdir(in, 0o755)
		unpack(bytes.NewReader(data), in)
		if list, _ := os.ReadDir(dir); len(list) != 1 {
			t.Errorf("something was written outside")
		}
	})
}
