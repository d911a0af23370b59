// SPDX-License-Identifier: MIT

package depmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// addOwnModules puts in what a tree of Debian's does not have: modules outside
// kernel/, a second module of one name, a broken file, packed files, no versions.
func addOwnModules(t *testing.T, tree *kmod.Tree) {
	t.Helper()
	user := kmodtest.Module{Needs: []kmodtest.Need{{Name: "own_symbol"}, {Name: "virtqueue_add_sgs"}},
		Info: []string{"alias=own:*", "softdep=pre: msr"}}
	owner := kmodtest.Module{Exports: []kmodtest.Export{{Name: "own_symbol"}},
		Info: []string{"alias=devname:own", "alias=char-major-10-222"}}
	for name, data := range map[string][]byte{
		"extra/own-user.ko.xz":     compressed(t, "xz", user.Bytes()),
		"updates/own_owner.ko.zst": compressed(t, "zstd", owner.Bytes()),
		"updates/virtio_ring.ko":   owner.Bytes(), "extra/broken.ko": []byte("not a module\n"),
		"extra/build/hidden.ko": user.Bytes(),
	} {
		path := filepath.Join(tree.Dir(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func compressed(t *testing.T, kind string, data []byte) []byte {
	t.Helper()
	packed, err := kmodtest.Compress(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func testTree(t *testing.T, files map[string][]byte) *kmod.Tree {
	t.Helper()
	tree := &kmod.Tree{Root: t.TempDir(), Release: kmodtest.Release}
	if err := kmodtest.WriteTree(tree.Root, files); err != nil {
		t.Fatal(err)
	}
	return tree
}

// realCopy is a real tree without an index.
func realCopy(t *testing.T) *kmod.Tree {
	t.Helper()
	root, release := kmodtest.CopyRealTree(t)
	return &kmod.Tree{Root: root, Release: release}
}

func TestIndexCycle(t *testing.T) {
	tree := testTree(t, map[string][]byte{"a.ko": kmodtest.Exporting("a", "b"), "b.ko": kmodtest.Exporting("b", "c"),
		"c.ko": kmodtest.Exporting("c", "a"),
		"d.ko": kmodtest.Exporting("d", "a"), "modules.dep": []byte("old.ko:\n")})
	err := WriteIndex(tree.Root, tree.Release)
	var cycle *kmod.CycleError
	if !errors.Is(err, kmod.ErrCycle) || !errors.As(err, &cycle) {
		t.Fatalf("got %v, want a CycleError", err)
	}
	// As depmod does it, the ring begins where its hash table does.
	if got := strings.Join(cycle.Names, " "); got != "c a b c" {
		t.Errorf("ring is %q", got)
	}
	data, _ := os.ReadFile(filepath.Join(tree.Dir(), "modules.dep"))
	if string(data) != "old.ko:\n" {
		t.Errorf("the old index is gone: %q", data)
	}
}

func TestIndexNothingHalfWritten(t *testing.T) {
	tree := testTree(t, map[string][]byte{"a.ko": kmodtest.Exporting("a")})
	// a folder in the place of the third file stops the renaming, not the tidying
	if err := os.MkdirAll(filepath.Join(tree.Dir(), "modules.softdep", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteIndex(tree.Root, tree.Release); err == nil || !strings.Contains(err.Error(), "modules.softdep") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(tree.Dir(), ".modules*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := WriteIndex(tree.Root, "9.9"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such release: %v", err)
	}
}

// An empty release once had Index write into lib/modules itself.
func TestIndexRefusesRelease(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "lib/modules/6.1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, release := range []string{"", ".", "..", "../..", "6.1/..", "/", "6.1/", `6.1\x`, "6.1\x00"} {
		result, err := Index(Options{Root: root, Release: release, Output: root})
		if !errors.Is(err, kmod.ErrRelease) || result == nil || len(result.Files) > 0 {
			t.Errorf("release %q: %+v, %v", release, result, err)
		}
		if err := WriteIndex(root, release); !errors.Is(err, kmod.ErrRelease) {
			t.Errorf("release %q: %v", release, err)
		}
	}
	for _, dir := range []string{root, filepath.Join(root, "lib"), filepath.Join(root, "lib/modules"),
		filepath.Join(root, "lib/modules/6.1")} {
		if found, _ := filepath.Glob(filepath.Join(dir, "*modules.*")); len(found) > 0 {
			t.Errorf("written: %v", found)
		}
	}
}

// No list of files is the whole tree, whether it is nil or empty.
func TestIndexEmptyFiles(t *testing.T) {
	tree := testTree(t, map[string][]byte{"a.ko": kmodtest.Exporting("a")})
	result, err := Index(Options{Root: tree.Root, Release: tree.Release, Files: []string{}})
	if err != nil || result.Modules != 1 {
		t.Errorf("%+v, %v; want one module", result, err)
	}
}
