// SPDX-License-Identifier: MIT

package kbuild

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/filelock"
)

// TestSweep: what a killed build left goes, with and without its lock's file; finished builds and those that run stay.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"killed.work/src", "killed.new/lib", "unlocked.work/a/b", "unlocked2.new", "running.work/src", "done/lib",
	} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "killed.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := filelock.Try(filepath.Join(dir, "running.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	cache{dir: dir}.sweep()
	var left []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"done", "running.lock", "running.work"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left: %q, want %q (%v)", left, want, err)
	}
}
