// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree writes files below a new folder. A name that ends in / is a folder; a text that begins with -> is a link's
// target.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, files)
	return dir
}

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		switch target, link := strings.CutPrefix(text, "->"); {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(p, 0o755)
		case link:
			err = os.Symlink(target, p)
		default:
			err = os.WriteFile(p, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSnapshotLeavesOut(t *testing.T) {
	dir := tree(t, map[string]string{
		"Makefile": "obj-m := a.o\n", "a.c": "x", "sub/b.c": "y", "größe.h": "z", "empty/": "",
		"a.o": "", "a.ko": "", "a.mod": "", "a.mod.c": "", "a.mod.o": "", ".a.o.cmd": "", "Module.symvers": "",
		"modules.order": "", "compile_commands.json": "", ".cache/clangd/index/a.idx": "", "#a.c#": "", ".a.c.swpx": "",
		"build/a.ko": "", "build/Module.symvers": "", "built/deep/a.o": "", "kept/deep/a.o": "", "kept/deep/b.c": "",
		".tmp_versions/a.mod": "", ".git/config": "", "sub/.b.o.d": "", ".a.c.swp": "", "a.c~": "", "a.ko.xz": "",
		"in.h": "->sub/b.c", "sub/up.h": "->../a.c", "out.h": "->../../etc/passwd", "abs.h": "->/etc/passwd",
		"sub/out2.h": "->../../x",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := readSources(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.entries {
		got = append(got, e.rel)
	}
	want := []string{"Makefile", "a.c", "empty", "größe.h", "in.h", "kept", "kept/deep", "kept/deep/b.c", "sub", "sub/b.c",
		"sub/up.h"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("readSources took %q; want %q", got, want)
	}
	wantOut := []string{"abs.h -> /etc/passwd", "out.h -> ../../etc/passwd", "sub/out2.h -> ../../x"}
	if slices.Sort(s.outside); !slices.Equal(s.outside, wantOut) {
		t.Errorf("outside = %q; want %q", s.outside, wantOut)
	}
	dst := filepath.Join(t.TempDir(), "copy")
	if err := s.copyTo(dst); err != nil {
		t.Fatal(err)
	}
	again, err := readSources(t.Context(), dst)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := buildID(s, "k", nil), buildID(again, "k", nil); a != b {
		t.Errorf("the copy's ID %s is not the original's %s", b, a)
	}
}

func TestBuildIDDependsOnWhatCounts(t *testing.T) {
	base := map[string]string{"Makefile": "obj-m := a.o\n", "a.c": "x", "l": "->a.c"}
	id := func(files map[string]string, kernel string, flags ...string) string {
		s, err := readSources(t.Context(), tree(t, files))
		if err != nil {
			t.Fatal(err)
		}
		return buildID(s, kernel, flags)
	}
	with := func(name, text string) map[string]string {
		m := map[string]string{name: text}
		for k, v := range base {
			if k != name {
				m[k] = v
			}
		}
		return m
	}
	want := id(base, "k")
	for what, got := range map[string]string{
		"another folder": id(base, "k"), "a leftover": id(with("a.o", "old"), "k"), "git": id(with(".git/HEAD", "x"), "k"),
		"what a build left for editors": id(with("build/compile_commands.json", "[]"), "k"),
	} {
		if got != want {
			t.Errorf("%s changes the ID", what)
		}
	}
	seen := map[string]string{want: "base"}
	for what, got := range map[string]string{
		"content": id(with("a.c", "y"), "k"), "new file": id(with("b.c", ""), "k"), "kernel": id(base, "k2"),
		"link":  id(with("l", "->Makefile"), "k"),
		"flags": id(base, "k", "W=1"), "two flags": id(base, "k", "W=", "1"), "empty folder": id(with("d/", ""), "k"),
		"file and not folder": id(with("d", ""), "k"),
	} {
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s have the same ID", what, other)
		}
		seen[got] = what
	}
	s := tree(t, base)
	if err := os.Chmod(filepath.Join(s, "a.c"), 0o755); err != nil {
		t.Fatal(err)
	}
	if snap, err := readSources(t.Context(), s); err != nil || buildID(snap, "k", nil) == want {
		t.Errorf("an executable file does not change the ID (%v)", err)
	}
}

func TestSnapshotRefuses(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"f": ""}), "f")
	for _, c := range []struct {
		name, dir string
		kind      error
		text      string
	}{
		{"absent", "/no/such/folder", ErrNoFolder, "no such folder: /no/such/folder"},
		{"file", file, ErrNoFolder, "is not a folder"},
		{"huge", hugeFolder(t), ErrTooLarge, "give only the folder of the module"},
	} {
		_, err := readSources(t.Context(), c.dir)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: readSources = %v; want %v, %q", c.name, err, c.kind, c.text)
		}
	}
}

// hugeFolder holds more bytes than a module's folder may, without using disk blocks.
func hugeFolder(t *testing.T) string {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "disk.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(maxSourceBytes + 1); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSnapshotStaysInside: neither a chain of links, nor what comes in the place of something that was read, leads out
// of the folder or makes the host wait.
func TestSnapshotStaysInside(t *testing.T) {
	top := tree(t, map[string]string{
		"secret/shadow": "secret", "secret/fifo.c": "", "s/x/y/z/b": "->../../..", "s/a.c": "->x/y/z/b/../secret/shadow",
		"s/d/shadow": "mine", "s/d/fifo.c": "mine", "s/Kbuild": "obj-m := a.o",
	})
	s, err := readSources(t.Context(), filepath.Join(top, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if want := []string{"a.c -> x/y/z/b/../secret/shadow"}; !slices.Equal(s.outside, want) {
		t.Errorf("outside = %q, want %q", s.outside, want)
	}
	for _, err := range []error{
		os.RemoveAll(filepath.Join(top, "s/d")), os.Symlink("../secret", filepath.Join(top, "s/d")),
		os.Remove(filepath.Join(top, "s/Kbuild")), syscall.Mkfifo(filepath.Join(top, "s/Kbuild"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.copyTo(filepath.Join(t.TempDir(), "c")); !errors.Is(err, ErrSources) {
		t.Errorf("copyTo = %v; want ErrSources", err)
	}
	if _, text := s.kbuildFile(); text != "" { // and it did not wait
		t.Errorf("a FIFO says %q", text)
	}
}

// TestSnapshotDeep: folders in folders have a bound, as each costs the way to it.
func TestSnapshotDeep(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, strings.Repeat("d/", maxSourceDepth+2)), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := readSources(t.Context(), dir); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.ErrUnsupported)
	if _, err := readSources(ctx, dir); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, want what ended the context", err)
	}
}

func TestCopyNoticesChange(t *testing.T) {
	dir := tree(t, map[string]string{"a.c": "before"})
	s, err := readSources(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, dir, map[string]string{"a.c": "after!"})
	if err := s.copyTo(filepath.Join(t.TempDir(), "c")); !errors.Is(err, ErrSources) {
		t.Errorf("copyTo = %v; want ErrSources", err)
	}
}

func TestCheckKbuild(t *testing.T) {
	lic := `MODULE_LICENSE("GPL");`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // of the error, or empty
	}{
		{"kbuild", map[string]string{"Kbuild": ""}, ""},
		{"makefile", map[string]string{"Makefile": ""}, ""},
		{"lower case", map[string]string{"makefile": "", "a.c": lic}, "mv makefile Makefile"},
		{"gnu", map[string]string{"GNUmakefile": ""}, "mv GNUmakefile Makefile"},
		{"sources", map[string]string{"b.c": lic, "a.c": lic, "helper.c": ""}, "this Kbuild would do: obj-m := a.o b.o"},
		{"no licence", map[string]string{"a.c": ""}, "this Kbuild would do: obj-m := a.o"},
		{"below", map[string]string{"x/Makefile": "", "y/Kbuild": "", "y/Makefile": "", "z/w/Makefile": ""},
			"obj-m += x/ y/"},
		{"empty", map[string]string{}, "no Kbuild or Makefile in "},
		{"folder", map[string]string{"Makefile/": ""}, "no Kbuild or Makefile in "},
	} {
		s, err := readSources(t.Context(), tree(t, c.files))
		if err != nil {
			t.Fatal(err)
		}
		err = s.checkKbuild()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: checkKbuild = %v", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrNoKbuild) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: checkKbuild = %v; want %q", c.name, err, c.want)
		}
	}
}

func TestInside(t *testing.T) {
	for _, c := range []struct {
		rel, target string
		want        bool
	}{
		{"a", "b", true}, {"a", "../b", false}, {"s/a", "../b", true}, {"s/a", "../../b", false},
		{"a", "/etc", false}, {"a", "s/../../x", false}, {"a", ".", true}, {"a", "..", false},
	} {
		if got := inside(c.rel, c.target); got != c.want {
			t.Errorf("inside(%q, %q) = %v; want %v", c.rel, c.target, got, c.want)
		}
	}
}
