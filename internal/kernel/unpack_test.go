// SPDX-License-Identifier: MIT

package kernel

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// archiveOf is a package's file list as dpkg-deb gives it.
func archiveOf(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Size = 0
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		h.ModTime = time.Unix(1e9, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(h.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func reg(name string, mode int64) tar.Header {
	return tar.Header{Name: name, Mode: mode, Typeflag: tar.TypeReg}
}

func treeRoot(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if err := mergedUsr(r); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func TestUntar(t *testing.T) {
	r, dir := treeRoot(t)
	err := untar(archiveOf(t,
		tar.Header{Name: "./", Mode: 0o755, Typeflag: tar.TypeDir},
		tar.Header{Name: "./bin/", Mode: 0o755, Typeflag: tar.TypeDir},
		tar.Header{Name: "./lib", Linkname: "usr/lib", Typeflag: tar.TypeSymlink},
		reg("./bin/dash", 0o4755),
		tar.Header{Name: "./bin/sh", Linkname: "dash", Typeflag: tar.TypeSymlink},
		tar.Header{Name: "./usr/bin/ash", Linkname: "./bin/dash", Typeflag: tar.TypeLink},
		reg("./usr/share/doc/x/copyright", 0o644),
		reg("./usr/share/docs/kept", 0o644),
		reg("./usr/share/doc", 0o644),
		reg("./lib/modules/6/kernel/a.ko", 0o444),
		tar.Header{Name: "./lib/modules/6/build", Linkname: "/usr/src/linux", Typeflag: tar.TypeSymlink},
	), r)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"usr/bin/dash": "-rwxr-xr-x", "usr/bin/ash": "-rwxr-xr-x", "usr/bin/sh": "Lrwxrwxrwx", "bin": "Lrwxrwxrwx",
		"usr/share/docs/kept": "-rw-r--r--", "usr/lib/modules/6/kernel/a.ko": "-rw-r--r--",
		"usr/share/doc": "", "usr/share/doc/x": "",
	} {
		got := ""
		if st, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			got = st.Mode().String()
			if st.Mode().IsRegular() && !st.ModTime().Equal(time.Unix(1e9, 0)) {
				t.Errorf("%s: time %v", name, st.ModTime())
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := untar(archiveOf(t, reg("./usr/bin/sh", 0o755)), r); err != nil {
		t.Errorf("a file that replaces another package's: %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "usr/bin/dash")); err != nil || string(data) != "./bin/dash" {
		t.Errorf("a replaced link wrote through to its target: %q, %v", data, err)
	}
}

// TestUntarStaysInside tries to leave the tree; nothing may appear outside.
func TestUntarStaysInside(t *testing.T) {
	outside := t.TempDir()
	for name, headers := range map[string][]tar.Header{
		"dots":          {reg("../../evil", 0o644)},
		"dots inside":   {reg("./usr/../../evil", 0o644)},
		"absolute link": {{Name: "./usr/out", Linkname: outside, Typeflag: tar.TypeSymlink}, reg("./usr/out/evil", 0o644)},
		"relative link": {{Name: "./usr/up", Linkname: "../../../../../../" + outside, Typeflag: tar.TypeSymlink},
			reg("./usr/up/evil", 0o644)},
		"hard link": {{Name: "./usr/evil", Linkname: "../../../../etc/passwd", Typeflag: tar.TypeLink}},
		"device":    {{Name: "./dev/evil", Typeflag: tar.TypeBlock}},
	} {
		r, dir := treeRoot(t)
		err := untar(archiveOf(t, headers...), r)
		if err == nil && name != "dots" && name != "dots inside" {
			t.Errorf("%s: taken", name)
		}
		for _, at := range []string{filepath.Join(outside, "evil"), filepath.Join(filepath.Dir(dir), "evil")} {
			if _, err := os.Lstat(at); err == nil {
				t.Errorf("%s: wrote %s", name, at)
			}
		}
	}
	r, _ := treeRoot(t)
	whole := archiveOf(t, reg("./usr/a", 0o644)).Bytes()
	if err := untar(bytes.NewReader(whole[:515]), r); err == nil {
		t.Error("a truncated package is taken")
	}
}

func TestTreePath(t *testing.T) {
	for in, want := range map[string]string{
		"./": ".", "./bin/": "bin", "./bin/x": "usr/bin/x", "./lib64/ld.so": "usr/lib64/ld.so", "lib/a/b": "usr/lib/a/b",
		"./usr/bin/x": "usr/bin/x", "./library/x": "library/x", "/etc/x": "etc/x",
	} {
		if got := treePath(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestFurnish(t *testing.T) {
	r, dir := treeRoot(t)
	err := untar(archiveOf(t, reg("./bin/dash", 0o755), reg("./usr/bin/mawk", 0o755), reg("./etc/hosts", 0o644),
		reg("./usr/lib/modules/7/vmlinuz", 0o644), reg("./usr/lib/modules/7/kernel/a.ko", 0o644)), r)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := furnish(dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"bin/sh": "./bin/dash", "bin/awk": "./usr/bin/mawk",
		"etc/hosts": "./etc/hosts", "boot/vmlinuz-7": "./usr/lib/modules/7/vmlinuz"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v, want %q", name, data, err, want)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "usr/bin/cc")); err == nil {
		t.Error("cc without gcc")
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "etc/passwd")); !strings.HasPrefix(string(data), "root:x:0:0:") {
		t.Errorf("passwd %q", data)
	}
	if release, image, err := findRelease(dir); release != "7" || image != "boot/vmlinuz-7" || err != nil {
		t.Errorf("%q %q %v", release, image, err)
	}
}
