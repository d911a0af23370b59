// SPDX-License-Identifier: MIT

package kernel

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedCache: a damaged kernel is reported, neither fetched over nor returned.
func TestDamagedCache(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := &Store{Dir: t.TempDir()}
	const record = `{"Name": "debian:bookworm", "Release": "6", "Image": "root/vmlinuz", "Root": "root", "RootImage": "root.ext4"}`
	whole := map[string]string{
		"debian-bookworm/kernel.json": record, "debian-bookworm/root/vmlinuz": "", "debian-bookworm/root.ext4": "",
		"debian-bookworm/root/lib/modules/6/modules.builtin": "",
	}
	write(t, s.Dir, whole)
	k, err := s.Get(testContext(t), "debian:bookworm")
	if err != nil {
		t.Fatal(err)
	}
	if k.Image != filepath.Join(s.Dir, "debian-bookworm/root/vmlinuz") ||
		k.ModuleDir() != filepath.Join(s.Dir, "debian-bookworm/root/lib/modules/6") ||
		k.BuildDir() != "/lib/modules/6/build" {
		t.Errorf("%+v", k)
	}
	// Neither a stray folder nor a file is a kernel.
	write(t, s.Dir, map[string]string{"stray/x": "", "file": "", ".fetch/debian-sid/tree/kernel.json": record})
	if list, err := s.List(); err != nil || len(list) != 1 {
		t.Errorf("List gives %v, %v", list, err)
	}
	for name, says := range map[string]string{
		"debian-bookworm/root.ext4": "is damaged", "debian-bookworm/root/lib": "is damaged",
		"debian-bookworm/kernel.json": "",
	} {
		if err := os.RemoveAll(filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
		if says == "" {
			write(t, s.Dir, map[string]string{name: "{garbled"})
			says = "fetch again"
		}
		if _, err := s.Get(testContext(t), "debian:bookworm"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("without %s: %v", name, err)
		}
		write(t, s.Dir, whole)
	}
	for _, name := range []string{"host", "path:a,b", "debian:..", "debian:trixie"} {
		if err := s.Remove(name); err == nil {
			t.Errorf("Remove %s succeeds", name)
		}
	}
	if err := s.Remove("debian:bookworm"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "debian-bookworm")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a removed kernel is still there")
	}
	for _, dir := range []string{"", "relative", "/a\"b", "/a\\b"} {
		if _, err := (&Store{Dir: dir}).Get(testContext(t), "debian:bookworm"); err == nil ||
			!strings.Contains(err.Error(), "absolute path") {
			t.Errorf("cache %q: %v", dir, err)
		}
	}
}
