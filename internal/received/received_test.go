// SPDX-License-Identifier: MIT

package received

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestHostileNames: whatever a guest calls its files, nothing is written outside the folder, and nothing that was there
// is changed.
func TestHostileNames(t *testing.T) {
	top := t.TempDir()
	dir, outside := filepath.Join(top, "dir"), filepath.Join(top, "outside")
	for _, d := range []string{dir, outside} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "made"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"../outside/a", "a/../../outside/a", "/etc/a", "", ".", "..", "link/a", "dangling", "there", "there/a", "a\x00b",
	} {
		if err := Write(dir, name, []byte("theirs")); err == nil {
			t.Errorf("%q was written", name)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside the folder: %v, %v", entries, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "there")); err != nil || string(data) != "mine" {
		t.Errorf("the file that was there: %q, %v", data, err)
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	if err := Write(dir, "a/b c", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, "a/b c", []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second file of the same name: %v", err)
	}
	if err := Replace(dir, "a/b c", []byte("three")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "a/b c")); err != nil || string(data) != "three" {
		t.Errorf("%q, %v", data, err)
	}
}
