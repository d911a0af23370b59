// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// addOwnModules puts in what a tree of Debian's does not have: modules outside
// kernel/, a second module of one name, a broken file, packed files, no versions.
func addOwnModules(t *testing.T, tree *Tree) {
	t.Helper()
	user := kmodtest.Module{Needs: []kmodtest.Need{{Name: "own_symbol"}, {Name: "virtqueue_add_sgs"}}, Info: []string{"alias=own:*", "softdep=pre: msr"}}
	owner := kmodtest.Module{Exports: []kmodtest.Export{{Name: "own_symbol"}}, Info: []string{"alias=devname:own", "alias=char-major-10-222"}}
	for name, data := range map[string][]byte{
		"extra/own-user.ko.xz": pack(t, XZ, user.Bytes()), "updates/own_owner.ko.zst": pack(t, Zstd, owner.Bytes()),
		"updates/virtio_ring.ko": owner.Bytes(), "extra/broken.ko": []byte("not a module\n"), "extra/build/hidden.ko": user.Bytes(),
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

func exporting(name string, needs ...string) []byte {
	m := kmodtest.Module{Info: []string{"vermagic=" + kmodtest.Kernel}, Exports: []kmodtest.Export{{Name: name + "_sym"}}}
	for _, n := range needs {
		m.Needs = append(m.Needs, kmodtest.Need{Name: n + "_sym"})
	}
	return m.Bytes()
}

func testTree(t *testing.T, files map[string][]byte) *Tree {
	t.Helper()
	tree := &Tree{Root: t.TempDir(), Release: kmodtest.Release}
	if err := kmodtest.WriteTree(tree.Root, files); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestIndexCycle(t *testing.T) {
	tree := testTree(t, map[string][]byte{"a.ko": exporting("a", "b"), "b.ko": exporting("b", "c"), "c.ko": exporting("c", "a"),
		"d.ko": exporting("d", "a"), "modules.dep": []byte("old.ko:\n")})
	err := WriteIndex(tree.Root, tree.Release)
	var cycle *CycleError
	if !errors.Is(err, ErrCycle) || !errors.As(err, &cycle) {
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
	tree := testTree(t, map[string][]byte{"a.ko": exporting("a")})
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
