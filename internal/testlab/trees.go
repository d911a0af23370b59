// SPDX-License-Identifier: MIT

package testlab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// KernelTrees are the folders lib/modules/RELEASE of debian:bookworm's kernel in this
// user's cache, and with all of every kernel there; or those below the folder that
// KMODLAB_TEST_TREE names. They are only to be read.
func KernelTrees(tb testing.TB, all bool) []string {
	tb.Helper()
	root := os.Getenv("KMODLAB_TEST_TREE")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			needs.Missing(tb, "no cache folder: %v", err)
		}
		name := "debian-bookworm"
		if all {
			name = "debian*"
		}
		root = filepath.Join(cache, "kmodlab/kernels", name, "root")
	}
	var trees []string
	for _, modules := range []string{"lib/modules", "usr/lib/modules"} { // 7.x has it below usr alone
		found, err := filepath.Glob(filepath.Join(root, modules, "*/modules.builtin"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, builtin := range found {
			if tree := filepath.Dir(builtin); !hasSame(trees, tree) {
				trees = append(trees, tree)
			}
		}
	}
	if len(trees) == 0 {
		needs.Missing(tb, "no kernel at %s: type kmodlab kernel fetch debian:bookworm, "+
			"or name a folder with lib/modules in KMODLAB_TEST_TREE", root)
	}
	return trees
}

// hasSame reports whether a folder is one of trees, by another way maybe.
func hasSame(trees []string, tree string) bool {
	one, err := os.Stat(tree)
	if err != nil {
		return false
	}
	for _, path := range trees {
		if other, err := os.Stat(path); err == nil && os.SameFile(one, other) {
			return true
		}
	}
	return false
}

// LinkTree makes a root with the modules of a folder lib/modules/RELEASE, all linked,
// and no index. extra are module files to put below extra/.
func LinkTree(tb testing.TB, from string, extra ...string) (root, dir string) {
	tb.Helper()
	root = tb.TempDir()
	dir = filepath.Join(root, "lib/modules", filepath.Base(from))
	if err := os.MkdirAll(filepath.Join(dir, "extra"), 0o755); err != nil {
		tb.Fatal(err)
	}
	links := map[string]string{}
	for _, name := range []string{"kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"} {
		links[name] = filepath.Join(from, name)
	}
	for _, path := range extra {
		links["extra/"+filepath.Base(path)] = path
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			tb.Fatal(err)
		}
	}
	return root, dir
}
