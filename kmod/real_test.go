// SPDX-License-Identifier: MIT

package kmod

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// realTree is Debian's cloud kernel as `kmodlab kernel fetch debian:bookworm` keeps
// it, or the tree that KMODLAB_TEST_TREE names. It is only read.
func realTree(t *testing.T) *Tree {
	t.Helper()
	dir := testlab.KernelTrees(t, false)[0]
	return &Tree{Root: filepath.Join(dir, "../../.."), Release: filepath.Base(dir)}
}

// copyTree links the tree's module folder into a new root, without its index.
func copyTree(t *testing.T, tree *Tree) *Tree {
	t.Helper()
	to := &Tree{Root: t.TempDir(), Release: tree.Release}
	if err := os.MkdirAll(to.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	from, err := filepath.EvalSymlinks(tree.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		if err := os.Symlink(filepath.Join(from, name), filepath.Join(to.Dir(), name)); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func realModule(t *testing.T) string {
	t.Helper()
	tree := realTree(t)
	path := filepath.Join(tree.Dir(), "kernel/drivers/virtio/virtio_ring.ko")
	if _, err := os.Stat(path); err != nil {
		needs.Missing(t, "%v", err)
	}
	return path
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
