// SPDX-License-Identifier: MIT

package depmod

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// TestMerge compares the merged index with that of a tree which has the modules of both, line by line: the order of
// lines of one file has no meaning for modules that do not compete.
func TestMerge(t *testing.T) {
	bus := kmodtest.Module{Exports: []kmodtest.Export{{Name: "bus_add"}}, Info: []string{"alias=bus:*"}}
	disk := kmodtest.Module{Needs: []kmodtest.Need{{Name: "bus_add"}},
		Info: []string{"alias=bus:disk-[0-9]*", "softdep=pre: bus", "alias=devname:disk", "alias=block-major-9-1"}}
	own := kmodtest.Module{Needs: []kmodtest.Need{{Name: "bus_add"}}, Exports: []kmodtest.Export{{Name: "own_symbol"}},
		Info: []string{"alias=own:*", "softdep=post: disk", "alias=devname:own", "alias=char-major-10-222"}}
	replaced := kmodtest.Module{Info: []string{"alias=old:*"}}
	kernel := map[string][]byte{"kernel/bus.ko": bus.Bytes(), "kernel/my-disk.ko": disk.Bytes()}
	mine := map[string][]byte{"extra/own-dev.ko": own.Bytes(), "kernel/bus.ko": bus.Bytes()}

	want := testTree(t, union(kernel, mine))
	base := testTree(t, union(kernel, map[string][]byte{"kernel/own-dev.ko": replaced.Bytes()}))
	added := testTree(t, mine)
	for _, root := range []string{want.Root, base.Root, added.Root} {
		if err := WriteIndex(root, kmodtest.Release); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Merge(base.Dir(), added.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"modules.dep", "modules.alias", "modules.symbols", "modules.softdep", "modules.weakdep", "modules.devname",
	} {
		text, err := os.ReadFile(filepath.Join(want.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sorted(string(files[name])), sorted(string(text)); got != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
	checkMergedLookups(t, files)
}

// checkMergedLookups reads the binary files as modprobe does.
func checkMergedLookups(t *testing.T, files map[string][]byte) {
	t.Helper()
	tree := testTree(t, files)
	for name, want := range map[string]string{
		"own_dev": "own_dev", "own:x": "own_dev", "bus:disk-7": "my_disk bus", "symbol:own_symbol": "own_dev", "old:x": "",
	} {
		found, err := tree.Resolve(name)
		if err != nil && want != "" {
			t.Errorf("resolve %s: %v", name, err)
		}
		var got []string
		for _, m := range found {
			got = append(got, m.Name)
		}
		if slices.Sort(got); strings.Join(got, " ") != sortedWords(want) {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
}

// TestMergeWithout covers a tree without an index, and one without modules.
func TestMergeWithout(t *testing.T) {
	if _, err := Merge(t.TempDir(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "modules.dep") {
		t.Errorf("Merge of folders without an index: %v", err)
	}
	empty := testTree(t, map[string][]byte{"modules.dep": nil})
	if files, err := Merge(empty.Dir(), empty.Dir()); err != nil || len(files["modules.dep"]) != 0 {
		t.Errorf("Merge of empty trees: %q, %v", files["modules.dep"], err)
	}
}

func union(a, b map[string][]byte) map[string][]byte {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func sorted(text string) string {
	lines := slices.Sorted(strings.Lines(text))
	return strings.Join(lines, "")
}

func sortedWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}
