// SPDX-License-Identifier: MIT

package kmodtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// RealTree returns the root and the release of Debian's cloud kernel as `kmodlab
// kernel fetch debian:bookworm` keeps it, or of the tree that KMODLAB_TEST_TREE names.
// A test must only read it. The test is skipped where there is none.
func RealTree(t testing.TB) (root, release string) {
	t.Helper()
	root = os.Getenv("KMODLAB_TEST_TREE")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			needs.Missing(t, "no cache folder: %v", err)
		}
		found, _ := filepath.Glob(filepath.Join(cache, "kmodlab/kernels/debian*bookworm*/root"))
		if len(found) == 0 {
			needs.Missing(t, "no Debian kernel in the cache; run kmodlab kernel fetch debian:bookworm,"+
				" or set KMODLAB_TEST_TREE to a folder with lib/modules")
		}
		root = found[0]
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "lib/modules/*/modules.builtin"))
	if len(dirs) == 0 {
		needs.Missing(t, "%s has no lib/modules/RELEASE", root)
	}
	return root, filepath.Base(filepath.Dir(dirs[0]))
}

// CopyRealTree links the modules of RealTree into a new root, without an index.
func CopyRealTree(t testing.TB) (root, release string) {
	t.Helper()
	from, release := RealTree(t)
	dir := filepath.Join("lib/modules", release)
	from, err := filepath.EvalSymlinks(filepath.Join(from, dir))
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		if err := os.Symlink(filepath.Join(from, name), filepath.Join(root, dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root, release
}

// RealModule is the path of one module of RealTree, signed and of middle size.
func RealModule(t testing.TB) string {
	t.Helper()
	root, release := RealTree(t)
	path := filepath.Join(root, "lib/modules", release, "kernel/drivers/virtio/virtio_ring.ko")
	if _, err := os.Stat(path); err != nil {
		needs.Missing(t, "%v", err)
	}
	return path
}
