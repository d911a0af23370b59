// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// realDepmod is a depmod of kmod to compare with.
type realDepmod struct {
	version int
	argv    []string // that runs it
}

// realDepmods are this machine's depmod and, where a kernel's tree with a newer
// kmod is in the cache, that one too, run by its own ld.so and libraries.
func realDepmods(t *testing.T) []realDepmod {
	t.Helper()
	path, err := exec.LookPath("depmod")
	if err != nil {
		needs.Missing(t, "no depmod here; apt install kmod")
	}
	list := []realDepmod{{depmodVersion(t, path), []string{path}}}
	if cache, err := os.UserCacheDir(); err == nil && list[0].version < 34 {
		roots, _ := filepath.Glob(filepath.Join(cache, "kmodlab/kernels/debian-trixie*/root"))
		for _, root := range roots {
			argv := []string{root + "/lib64/ld-linux-x86-64.so.2", "--argv0", "depmod", "--library-path",
				root + "/usr/lib/x86_64-linux-gnu", root + "/usr/bin/kmod"}
			if _, err := os.Stat(argv[len(argv)-1]); err == nil {
				list = append(list, realDepmod{depmodVersion(t, argv...), argv})
				break
			}
		}
	}
	if len(list) == 1 {
		t.Logf("compared with kmod %d alone; no kernel of Debian trixie is in the cache", list[0].version)
	}
	return list
}

func depmodVersion(t *testing.T, argv ...string) int {
	t.Helper()
	out, err := exec.Command(argv[0], append(argv[1:], "-V")...).Output()
	m := regexp.MustCompile(`kmod version (\d+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("%v -V: %v: %s", argv, err, out)
	}
	v, _ := strconv.Atoi(string(m[1]))
	return v
}

func (d realDepmod) run(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(d.argv[0], append(d.argv[1:], args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("depmod of kmod %d, %v: %v\n%s", d.version, args, err, out)
	}
}

// takeIndex removes the index files of a folder, and returns them by name.
func takeIndex(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"modules.dep*", "modules.alias*", "modules.symbols*", "modules.softdep",
		"modules.weakdep", "modules.devname", "modules.builtin*.bin"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(p)] = data
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	return files
}

// sameIndex compares all files that depmod wrote with ours.
func sameIndex(t *testing.T, what string, ours, theirs map[string][]byte, version int) {
	t.Helper()
	want := 10
	if version >= 33 {
		want = 11
	}
	if len(theirs) != want || len(ours) != want {
		t.Errorf("%s: kmod %d wrote %d files, we %d; want %d", what, version, len(theirs), len(ours), want)
	}
	for name, data := range theirs {
		if !bytes.Equal(ours[name], data) {
			t.Errorf("%s: %s is not that of kmod %d: %s", what, name, version, firstDifference(ours[name], data))
		}
	}
}

func firstDifference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	from := max(0, i-40)
	return fmt.Sprintf("at byte %d: %q, want %q", i, got[from:min(len(got), i+60)], want[from:min(len(want), i+60)])
}

// The index of a tree is that of kmod's depmod, byte for byte.
func TestIndexLikeDepmod(t *testing.T) {
	for _, d := range realDepmods(t) {
		for _, withOrder := range []bool{true, false} {
			c := realCopy(t)
			addOwnModules(t, c)
			if !withOrder {
				if err := os.Remove(filepath.Join(c.Dir(), "modules.order")); err != nil {
					t.Fatal(err)
				}
			}
			d.run(t, "-C", "/dev/null", "-b", c.Root, c.Release)
			theirs := takeIndex(t, c.Dir())
			if _, err := Index(Options{Root: c.Root, Release: c.Release, Kmod: d.version}); err != nil {
				t.Fatal(err)
			}
			sameIndex(t, fmt.Sprintf("order %v", withOrder), takeIndex(t, c.Dir()), theirs, d.version)
			if left, _ := filepath.Glob(filepath.Join(c.Dir(), ".modules*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	}
}

// small is a module file with fields of .modinfo.
func small(info ...string) []byte { return kmodtest.Module{Info: info}.Bytes() }

// odd are trees with what real ones lack, each with a depmod.d and more files.
var odd = []struct {
	name, config string
	files        map[string][]byte
}{
	{"empty", "", map[string][]byte{"modules.order": nil, "modules.builtin": nil, "modules.builtin.modinfo": nil}},
	{"no inputs", "", map[string][]byte{"a.ko": small("alias=x")}},
	{"aliases", "", map[string][]byte{
		"a.ko": small("alias=same", "alias=same", "alias=sa-me", "alias=un[clo-sed", "alias=un]open-ed",
			"alias=[a-b]c-d[e", "alias=", "alias=tab\tx",
			"alias", "novalue", "aliasx=1", "alias=x=y", "alias=pci:v-1*[a-z]-x", "softdep=", "softdep=pre: q  post: r",
			"softdep=pre: s", "weakdep=w1 w2", "weakdep="),
		"k/b.ko": small("alias=same", "alias=sa_me", "alias=samer", "alias=s", "alias=\x01\x7f", "alias=-"),
		"c.ko":   small("alias="+strings.Repeat("long-", 700), "alias=same"),
	}},
	{"unended modinfo", "", map[string][]byte{"a.ko": bytes.Replace(small("alias=xyz"), []byte("alias=xyz\x00"),
		[]byte("alias=xyzz"), 1)}},
	{"names", "", map[string][]byte{
		".hidden.ko": small("alias=h"), "sp ace.ko": small("alias=s"), "two.dots.ko": small("alias=t"),
		"k/up-PER_x.ko": small("alias=u"),
		"ko.ko.ko":      small("alias=k"), "y.ko.debug": small("alias=no"), "z.KO": small("alias=no"),
		"dir.ko/in.ko": small("alias=in"),
		".git/g.ko":    small("alias=git"), "build/no.ko": small("alias=no"), "x/source/no.ko": small("alias=no"),
	}},
	{"devname", "", map[string][]byte{
		"a.ko": small("alias=devname:a", "alias=devname:b", "alias=char-major-1-2", "alias=char-major-3-4",
			"alias=devname:c"),
		"b.ko": small("alias=char-major-1-2", "alias=block-major-3-4", "alias=devname:b1", "alias=devname:b2"),
		"c.ko": small("alias=char-major-5-6", "alias=char-major-5-*", "alias=devname:c1"),
		"d.ko": small("alias=char-major-5-*", "alias=devname:d1"),
		"e.ko": small("alias=char-major--1-+2", "alias=devname:e1"),
		"f.ko": small("alias=char-major-99999999999-2", "alias=devname:f1"),
		"g.ko": small("alias=char-major- 7-2", "alias=devname:g1"),
		"h.ko": small("alias=char-major-7-2", "alias=devname:"),
		"i.ko": small("alias=char-major-7-2x", "alias=devname:x y"),
		"j.ko": small("alias=char-major-0x7-2", "alias=devname:j", "alias=block-major-4-5"),
		"k.ko": small("alias=char-major-99999999999999999999999-2", "alias=devname:k"),
	}},
	{"symbols", "", map[string][]byte{
		"a.ko": kmodtest.Module{Exports: []kmodtest.Export{{Name: "one", CRC: 1}, {Name: "lost"},
			{Name: "both", CRC: 2}}}.Bytes(),
		"b.ko": kmodtest.Module{Exports: []kmodtest.Export{{Name: "two"}, {Name: "both"}},
			Needs: []kmodtest.Need{{Name: "one", CRC: 9}, {Name: "lost"}}}.Bytes(),
		"c.ko": kmodtest.Module{Needs: []kmodtest.Need{{Name: ".two"}, {Name: "both", Weak: true},
			{Name: "nobody", CRC: 3}, {Name: "two"}}}.Bytes(),
		"d.ko": kmodtest.Module{Exports: []kmodtest.Export{{Name: "big", CRC: 7}}, Big: true, Machine: 22}.Bytes(),
		"e.ko": kmodtest.Module{Needs: []kmodtest.Need{{Name: "big"}, {Name: "three"}}, Is32: true, Machine: 3}.Bytes(),
	}},
	{"broken", "", map[string][]byte{
		"a.ko": nil, "b.ko": []byte("text\n"), "c.ko": small("alias=c")[:100], "d.ko": make([]byte, 9000),
		"e.ko":    small("alias=e"),
		"f.ko.xz": []byte("\xfd7zXZ\x00\x00\x04"), "g.ko.zst": []byte("text"),
	}},
	{"same name", "", sameName2("updates", "updates/dkms", "extra", "extra/sub", "kernel/net", "kernel/netx", "zz")},
	{"search", "search extra built-in updates\n", sameName2("updates", "extra", "extra/sub", "zz")},
	{"search built-in first", "search built-in extra\n", sameName2("extra", "extra/sub", "zz", "a")},
	{"search parts", "search ext kernel/net zz/\nsearch updates kernel\n",
		sameName2("extra", "kernel/net", "kernel/netx", "zz", "updates")},
	{"search overlap", "search x updates x/b\n", sameName2("x/a", "x/b", "updates", "x")},
	{"override", "override m * zz\noverride m 1.2 extra\noverride q [ a\noverride m 9 updates\n",
		sameName2("updates", "extra", "zz", "extra/a")},
	{"exclude", "exclude updates sub\nexclude extra/a\n", sameName2("updates", "extra/sub", "extra/a", "zz/updates")},
	{"bad lines", "make_map_files yes\nbogus\noverride m\nexternal *\nexclude\nsearch\n# c\n  search  \\\n zz\n\nsearch extra\r\n", sameName2("extra", "zz", "updates")},
	{"order", "", withFiles(sameName2("a", "b/c", "d"), "modules.order",
		"d/other_d.ko.xz\nb/c/other_b_c.ko\n\n#x\nd/other_d.ko\nnone.ko\nb/c/other_b_c.ko\na/other_a.ko \n")},
	{"order cut", "", withFiles(sameName2("a", "b/c", "d"), "modules.order", "d/other_d.ko\nb/c/other_b_c.ko")},
	{"builtin", "", map[string][]byte{"a.ko": small(),
		"modules.builtin":         []byte("kernel/a-b.ko\n\nkernel/c.ko\nnoext\n /sp.ko\nkernel/x.ko.xz\nkernel/c.ko\n1/2.ko\n#a/b.ko\na/b.ko\r\nlast.ko"),
		"modules.builtin.modinfo": []byte("a_b.alias=x-1\x00c.alias=\x00.alias=q\x00noextequals\x00c.license=GPL\x00c.aliasx=1\x00d-e.alias=same\x00d_e.alias=same\x00z.alias=un[closed\x00y.x.alias=w\x00\x00c.alias=k=l\x00d.alias=m.n-[a-b]\x00d_e.alias=last"),
	}},
	{"unfinished builtin", "", map[string][]byte{"modules.builtin": []byte("a\n"),
		"modules.builtin.modinfo": []byte("a.b")}},
}

// sameName2 puts a module m, and one of another name, into each folder.
func sameName2(dirs ...string) map[string][]byte {
	files := map[string][]byte{}
	for _, d := range dirs {
		files[d+"/m.ko"] = small("alias=" + d)
		files[d+"/other_"+strings.ReplaceAll(d, "/", "_")+".ko"] = small()
	}
	return files
}

func withFiles(files map[string][]byte, name, data string) map[string][]byte {
	files[name] = []byte(data)
	return files
}

func TestIndexLikeDepmodOnOddTrees(t *testing.T) {
	depmods := realDepmods(t)
	for _, tc := range odd {
		t.Run(tc.name, func(t *testing.T) {
			tree := testTree(t, tc.files)
			if err := os.MkdirAll(tree.Dir(), 0o755); err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(tree.Root, "depmod.conf")
			if err := os.WriteFile(config, []byte(tc.config), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, d := range depmods {
				d.run(t, "-C", config, "-b", tree.Root, tree.Release)
				theirs := takeIndex(t, tree.Dir())
				if _, err := Index(Options{Root: tree.Root, Release: tree.Release, Kmod: d.version,
					Config: []string{config}}); err != nil {
					t.Fatal(err)
				}
				sameIndex(t, tc.name, takeIndex(t, tree.Dir()), theirs, d.version)
			}
		})
	}
}

// External folders are named by absolute paths, so they are made here.
func TestIndexLikeDepmodExternal(t *testing.T) {
	tree := testTree(t, map[string][]byte{"zz/m.ko": small("alias=zz"), "updates/n.ko": small("alias=updates")})
	one, two := t.TempDir(), t.TempDir()
	for path, data := range map[string][]byte{one + "/m.ko": small("alias=one"), two + "/m.ko": small("alias=two"),
		two + "/n.ko":    small("alias=two-n"),
		one + "/only.ko": small("alias=only"), two + "/sub/deep.ko": small("alias=deep")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(t.TempDir(), "x.conf")
	for _, text := range []string{"external * ONE TWO\n", "external * ONE TWO\nsearch external built-in\n",
		"external * TWO ONE\nsearch external\n",
		"external * TWO\nexternal * ONE\nsearch updates external built-in\n",
		"external * ONE\nsearch built-in external\n", "external 9 ONE\nexternal 6\\.1 TWO\nsearch external\n",
		"external * /nowhere/at/all\n", "external * ONE\nsearch zz\n"} {
		text = strings.NewReplacer("ONE", one, "TWO", two).Replace(text)
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, d := range realDepmods(t) {
			d.run(t, "-C", config, "-b", tree.Root, tree.Release)
			theirs := takeIndex(t, tree.Dir())
			if _, err := Index(Options{Root: tree.Root, Release: tree.Release, Kmod: d.version,
				Config: []string{config}}); err != nil {
				t.Fatal(err)
			}
			sameIndex(t, text, takeIndex(t, tree.Dir()), theirs, d.version)
		}
	}
}
