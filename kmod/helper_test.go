// SPDX-License-Identifier: MIT

package kmod

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// testTree is a tree of these files, with an index only where they hold one.
func testTree(t *testing.T, files map[string][]byte) *Tree {
	t.Helper()
	tree := &Tree{Root: t.TempDir(), Release: kmodtest.Release}
	if err := kmodtest.WriteTree(tree.Root, files); err != nil {
		t.Fatal(err)
	}
	return tree
}

// writeFiles writes files below a new folder.
func writeFiles(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// command runs one of kmod's commands; the tests compare with it.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		needs.Missing(t, "no %s here; apt install kmod", name)
	}
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}
