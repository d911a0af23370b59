// SPDX-License-Identifier: MIT

package depmod

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/kmod"
)

// Both orders of nodes hold what the text files of a real tree hold, and give the
// answers that searching the text gives.
func TestBinaryLikeText(t *testing.T) {
	tree := realCopy(t)
	for _, version := range []int{30, 34} {
		if _, err := Index(Options{Root: tree.Root, Release: tree.Release, Kmod: version}); err != nil {
			t.Fatal(err)
		}
		deps := openIndex(t, tree, "modules.dep.bin")
		for line := range strings.Lines(indexText(t, tree, "modules.dep")) {
			line = strings.TrimSuffix(line, "\n")
			path, _, _ := strings.Cut(line, ":")
			got, err := deps.Lookup(kmod.CanonicalName(path))
			if err != nil || len(got) != 1 || got[0].Value != line {
				t.Fatalf("%s: %v %v", path, got, err)
			}
		}
		want := aliasLines(t, tree)
		var got []string
		err := openIndex(t, tree, "modules.alias.bin").All(func(v kmod.TrieValue) bool {
			got = append(got, v.Key+" "+v.Value)
			return true
		})
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Fatalf("kmod %d: %v %s", version, err, d)
		}
		sameAnswers(t, tree, want)
	}
}

// aliasLines are the lines of modules.alias, sorted, with keys as the binary file has them.
func aliasLines(t *testing.T, tree *kmod.Tree) []string {
	var all []string
	for line := range strings.Lines(indexText(t, tree, "modules.alias")) {
		if f := strings.Fields(line); f[0] == "alias" {
			key, _ := trieKey(f[1])
			all = append(all, key+" "+f[2])
		}
	}
	slices.Sort(all)
	return all
}

// sameAnswers asks for names that the aliases match, once of the tree and once of one
// that has its text files only.
func sameAnswers(t *testing.T, tree *kmod.Tree, aliases []string) {
	fresh := &kmod.Tree{Root: tree.Root, Release: tree.Release}
	text := &kmod.Tree{Root: t.TempDir(), Release: tree.Release}
	if err := os.MkdirAll(text.Dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"modules.dep", "modules.alias"} {
		if err := os.WriteFile(filepath.Join(text.Dir(), name), []byte(indexText(t, tree, name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, line := range aliases {
		if i%23 != 0 {
			continue
		}
		alias, _, _ := strings.Cut(line, " ")
		name := strings.NewReplacer("*", "7", "?", "x", "[", "", "]", "").Replace(alias)
		if d := cmp.Diff(matchNames(t, text, name), matchNames(t, fresh, name)); d != "" {
			t.Fatalf("%s: %s", name, d)
		}
	}
}

// matchNames are the modules that a name stands for; nothing is an answer, too.
func matchNames(t *testing.T, tree *kmod.Tree, name string) []string {
	t.Helper()
	found, err := tree.Matches(name)
	if err != nil && kmod.Kind(err) != kmod.ErrNotFound {
		t.Fatal(err)
	}
	var names []string
	for _, m := range found {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

func indexText(t *testing.T, tree *kmod.Tree, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tree.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func openIndex(t *testing.T, tree *kmod.Tree, name string) *kmod.Trie {
	t.Helper()
	r, err := tree.OpenIndex(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
