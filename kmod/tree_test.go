// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

const sampleDep = `kernel/fs/a-b.ko: kernel/lib/c.ko.xz kernel/lib/d.ko
kernel/lib/c.ko.xz: kernel/lib/d.ko
kernel/lib/d.ko:
extra/post.ko:
extra/loop1.ko:
extra/loop2.ko:
`

func indexedTree(t *testing.T) *Tree {
	return testTree(t, map[string][]byte{
		"modules.dep":             []byte(sampleDep),
		"modules.alias":           []byte("# head\nalias pci:v00001AF4d*sv* a_b\nalias fs-ab a_b\nalias two[0-9]x c\nalias two* d\nalias gone nowhere\n"),
		"modules.symbols":         []byte("alias symbol:c_open c\n"),
		"modules.softdep":         []byte("softdep c pre: nothing fs-ab\nsoftdep a_b post: post\nsoftdep a-b post: built\nsoftdep loop1 pre: loop2\nsoftdep loop2 pre: loop1\n"),
		"modules.builtin":         []byte("kernel/fs/built-in.ko\nkernel/built.ko\n"),
		"modules.builtin.modinfo": []byte("built.alias=bus:x*\x00built.license=GPL\x00other.license=X\x00"),
	})
}

func TestResolve(t *testing.T) {
	tree := indexedTree(t)
	for name, want := range map[string]string{
		"a_b": "a_b", "a-b": "a_b", "fs-ab": "a_b", "fs_ab": "a_b", "pci:v00001AF4d00001000sv1": "a_b", "two5x": "c d",
		"twofold": "d", "symbol:c_open": "c", "built_in": "built_in (builtin)", "built-in": "built_in (builtin)",
		"bus:xy": "built (builtin)", "gone": "", "a": "", "a_b.ko": "", "symbol:nope": "", "": "",
	} {
		found, err := tree.Resolve(name)
		var names []string
		for _, m := range found {
			n := m.Name
			if m.Builtin {
				n += " (builtin)"
			}
			names = append(names, n)
		}
		if got := strings.Join(names, " "); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v is not ErrNotFound", name, err)
		}
	}
	if _, err := tree.ResolveName("built"); !errors.Is(err, ErrBuiltin) {
		t.Errorf("ResolveName of a built-in: %v", err)
	}
}

func TestDependenciesAndClosure(t *testing.T) {
	tree := indexedTree(t)
	path, err := tree.ResolveName("a-b")
	if err != nil || path != filepath.Join(tree.Dir(), "kernel/fs/a-b.ko") {
		t.Fatalf("got %s, %v", path, err)
	}
	deps, err := tree.Dependencies(path)
	want := []string{filepath.Join(tree.Dir(), "kernel/lib/d.ko"), filepath.Join(tree.Dir(), "kernel/lib/c.ko.xz")}
	if d := cmp.Diff(want, deps); d != "" || err != nil {
		t.Errorf("dependencies: %v %s", err, d)
	}
	for _, tc := range []struct{ names, want string }{
		{"a_b", "d c a_b post"}, {"c a_b", "d c a_b post"}, {"d d", "d"}, {"built", ""}, {"loop1", "loop2 loop1"},
		{"post a-b", "post d c a_b"},
	} {
		mods, err := Closure(tree, strings.Fields(tc.names))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range mods {
			got = append(got, m.Name)
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("closure of %s is %q, want %q", tc.names, s, tc.want)
		}
	}
	if _, err := Closure(tree, []string{"nosuch"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("closure of nothing: %v", err)
	}
}

func TestTreeWithoutIndex(t *testing.T) {
	tree := testTree(t, map[string][]byte{"a.ko": kmodtest.Exporting("a")})
	_, err := tree.Resolve("a")
	if !errors.Is(err, ErrNoIndex) || !strings.Contains(err.Error(), "run depmod -b "+tree.Root) {
		t.Errorf("got %v", err)
	}
	if _, err := (&Tree{Root: tree.Root, Release: "9"}).Resolve("a"); !errors.Is(err, ErrNoIndex) ||
		!errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such release: %v", err)
	}
}

func TestSteps(t *testing.T) {
	tree := indexedTree(t)
	dir := filepath.Join(tree.Root, "etc/modprobe.d")
	conf := "options a-b x=1\noptions a_b \\\n y=2\nblacklist d\nalias nick a-b\ninstall a_b /bin/false\nsoftdep d post: post\n#\n"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		o    LoadOptions
		want string
	}{
		{"nick", LoadOptions{Params: "z=3"}, "d[] post[] d[] c[] a_b[x=1  y=2 ] built[] c[] a_b[x=1  y=2 z=3]"},
		{"twofold", LoadOptions{UseBlacklist: true}, ""},
		{"d", LoadOptions{UseBlacklist: true}, ""},
		{"d", LoadOptions{}, "d[] post[]"},
		{"twofold", LoadOptions{}, ""},
		{"d", LoadOptions{IgnoreCommands: true}, "d[]"},
	} {
		steps, err := tree.Steps(tc.name, tc.o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range steps {
			got = append(got, s.Name+"["+s.Params+"]")
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, s, tc.want)
		}
	}
}

func TestMatchAlias(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"a*c", "abc", true}, {"a*c", "ab", false}, {"a?c", "a/c", true}, {"a[0-9]c", "a5c", true},
		{"a[0-9]c", "axc", false},
		{"a[!0-9]c", "axc", true}, {"a[b-]c", "abc", true}, {"a[+--]c", "a-c", false}, {"a-b", "a_b", true},
		{"a_b", "a-b", true}, {"a[", "a[", true}, {`a\*`, "a*", true},
		{"*", "", true}, {"", "", true}, {"", "x", false}, {"**x", "aax", true}, {"a]", "a]", true}, {"[]]", "]", true},
	} {
		if got := matchAlias(tc.pattern, tc.name); got != tc.want {
			t.Errorf("matchAlias(%q, %q) = %v", tc.pattern, tc.name, got)
		}
		if tc.want && !quickMatch([]byte(tc.pattern), normalizeAlias(tc.name)) {
			t.Errorf("quickMatch(%q, %q) rules out a match", tc.pattern, tc.name)
		}
	}
}

// Every module of a real tree has the steps that modprobe -D prints, but for
// softdep lines after a module's first, which kmod does not read.
func TestStepsLikeModprobe(t *testing.T) {
	root, release := kmodtest.CopyRealTree(t)
	c := &Tree{Root: root, Release: release}
	command(t, "depmod", "-b", c.Root, c.Release)
	keepFirstSoftdeps(t, c)
	dep, err := c.table("modules.dep")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for l := range depLines(dep) {
		names = append(names, CanonicalName(l.path))
	}
	empty := t.TempDir() // the machine's own modprobe.d is not part of this
	args := append([]string{"-C", empty, "-d", c.Root, "-S", c.Release, "-a", "-D"}, names...)
	want := command(t, "modprobe", args...)
	var got strings.Builder
	for _, name := range names {
		steps, err := c.Steps(name, LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if s.Builtin {
				got.WriteString("builtin " + s.Name + "\n")
			} else {
				got.WriteString("insmod " + s.Path + " " + s.Params + "\n")
			}
		}
	}
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got.String(), "\n")); d != "" {
		t.Errorf("modprobe -D of %d modules: %s", len(names), d)
	}
}

func keepFirstSoftdeps(t *testing.T, tree *Tree) {
	t.Helper()
	path := filepath.Join(tree.Dir(), "modules.softdep")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	kept := slices.DeleteFunc(strings.SplitAfter(string(data), "\n"), func(line string) bool {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "softdep" {
			return false
		}
		again := seen[f[1]]
		seen[f[1]] = true
		return again
	})
	if err := os.WriteFile(path, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzModulesDep(f *testing.F) {
	f.Add([]byte(sampleDep), "a-b")
	f.Add([]byte("no colon\n:\n : x\nx:\r\n\x00:\n#c: d\n"), "x")
	f.Add([]byte("alias a b\nalias  \nalias x\nsoftdep\nsoftdep a\nalias [ b\n"), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		for l := range depLines(data) {
			if l.path == "" {
				t.Fatal("a line without a path")
			}
		}
		if l, ok := findDep(data, name); ok && l.path == "" {
			t.Fatal("found nothing")
		}
		matchAliases(data, name)
		matchBuiltinAlias(data, name)
		findSoftdeps(data, name)
		hasBuiltin(data, name)
		parseProcModules(data)
		parseSymbols(data)
		ParseSymvers(data)
		(&Config{}).parse("x.conf", string(data))
	})
}
