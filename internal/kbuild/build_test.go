// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

var kernelOnce = sync.OnceValues(func() (*kernel.Kernel, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	store := kernel.Store{Dir: filepath.Join(dir, "kmodlab", "kernels")}
	return store.Get(ctx, "debian:bookworm")
})

func testKernel(t *testing.T) *kernel.Kernel {
	t.Helper()
	needs.Long(t, "it builds with a real kernel")
	if _, err := exec.LookPath("bwrap"); err != nil {
		needs.Missing(t, "bubblewrap is not installed: apt-get install bubblewrap")
	}
	k, err := kernelOnce()
	if err != nil {
		needs.Missing(t, "no kernel to build for: %v", err)
	}
	return k
}

// build runs a request in the sandbox with a cache of its own.
func build(t *testing.T, r Request) (*Build, error) {
	t.Helper()
	if r.Kernel == nil {
		r.Kernel = testKernel(t)
	}
	if r.Runner == nil {
		r.Runner = SandboxRunner{}
	}
	if r.CacheDir == "" {
		r.CacheDir = filepath.Join(t.TempDir(), "cache")
	}
	if r.Timeout == 0 {
		r.Timeout = 2 * time.Minute
	}
	b, err := Run(context.Background(), r)
	nothingLeft(t, r.CacheDir)
	return b, err
}

// nothingLeft checks that the cache holds complete entries and nothing else.
func nothingLeft(t *testing.T, cache string) {
	t.Helper()
	list, err := os.ReadDir(cache)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, d := range list {
		if strings.Contains(d.Name(), ".") {
			t.Errorf("%s was left in the cache", d.Name())
		}
	}
}

func rels(b *Build) string {
	var list []string
	for _, m := range b.Modules {
		list = append(list, m.Name+"="+m.Rel)
	}
	return strings.Join(list, " ")
}

// source is a module that builds without a warning.
func source(name string) string {
	return fmt.Sprintf(`// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

static int __init %[1]s_init(void)
{
	return 0;
}
module_init(%[1]s_init);

static void __exit %[1]s_exit(void)
{
}
module_exit(%[1]s_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("test");
`, name)
}

// What people really write; each case builds in the sandbox.
func TestSourcesPeopleWrite(t *testing.T) {
	thirty := map[string]string{}
	var obj, want []string
	for i := range 30 {
		n := fmt.Sprintf("m%02d", i)
		thirty[n+".c"] = "#include <linux/init.h>\n#include <linux/export.h>\n#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n"
		obj, want = append(obj, n+".o"), append(want, n+"="+n+".ko")
	}
	thirty["Kbuild"] = "obj-m := " + strings.Join(obj, " ") + "\n"
	for _, c := range []struct {
		name, dir string
		files     map[string]string
		want      string
	}{
		{"own all rule", "x", map[string]string{"a.c": source("a"), "Makefile": `obj-m += a.o
PWD := $(shell pwd)

all:
	$(MAKE) -C /lib/modules/$(shell uname -r)/build M=$(PWD) modules

clean:
	$(MAKE) -C /lib/modules/$(shell uname -r)/build M=$(PWD) clean
`}, "a=a.ko"},
		{"KERNELRELEASE and objects", "x", map[string]string{"one.c": source("one"),
			"two.c": "int two(void);\nint two(void) { return 2; }\n", "Makefile": `ifneq ($(KERNELRELEASE),)
obj-m := my-mod.o
my-mod-objs := one.o two.o
else
KDIR ?= /lib/modules/$(shell uname -r)/build
default:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules
endif
`}, "my_mod=my-mod.ko"},
		{"subfolders and headers", "x",
			map[string]string{"Kbuild": "obj-m += top.o sub/\nccflags-y += -I$(src)/include\n",
				"top.c":           "#include \"größe.h\"\n" + source("top"),
				"include/größe.h": "#define SIZE 1\n",
				"sub/Makefile":    "obj-m += low.o\nlow-y := l.o\nsubdir-ccflags-y += -I$(PWD)/include\nccflags-y += -I$(PWD)/include\n",
				"sub/l.c":         "#include <größe.h>\n#include \"link.h\"\n" + source("low"),
				"sub/link.h":      "->../include/größe.h"},
			"low=sub/low.ko top=top.ko"},
		{"spaces and umlauts", "Übung 1 (ä)/my module", map[string]string{"Makefile": "obj-m := a.o\n", "a.c": source("a")},
			"a=a.ko"},
		{"thirty", "x", thirty, strings.Join(want, " ")},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.dir)
			fill(t, dir, c.files)
			b, err := build(t, Request{Sources: dir})
			if err != nil {
				t.Fatal(err)
			}
			if got := rels(b); got != c.want {
				t.Errorf("built %s; want %s", got, c.want)
			}
			checkModules(t, b)
		})
	}
}

// checkModules opens every module and compares the build with its description.
func checkModules(t *testing.T, b *Build) {
	t.Helper()
	for _, m := range b.Modules {
		f, err := elf.Open(m.Path)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if f.Section(".modinfo") == nil || f.Section(".debug_info") == nil {
			t.Errorf("%s has no .modinfo or no .debug_info", m.Name)
		}
		f.Close()
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "Module.symvers")); err != nil {
		t.Errorf("Module.symvers: %v", err)
	}
	if len(b.Steps) != 2 || b.Steps[0].Exit != 0 || b.Steps[1].Exit != 0 || b.Where != Sandbox {
		t.Errorf("steps %+v, where %s", b.Steps, b.Where)
	}
}

func TestStepsAndCache(t *testing.T) {
	k := testKernel(t)
	dir := tree(t, map[string]string{"Makefile": "obj-m := a.o\n", "a.c": source("a"), "a.o": "stale",
		".a.o.cmd": "stale", "Module.symvers": "stale"})
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	var live bytes.Buffer
	cache := filepath.Join(t.TempDir(), "cache")
	b, err := build(t, Request{Sources: dir, CacheDir: cache, Output: &live})
	if err != nil {
		t.Fatal(err)
	}
	wantArgv := []string{
		"make -C /lib/modules/" + k.Release + "/build M=$PWD modules",
		"make -C /lib/modules/" + k.Release + "/build M=$PWD INSTALL_MOD_DIR=extra modules_install",
	}
	for i, want := range wantArgv {
		if got := strings.Join(b.Steps[i].Argv, " "); got != want {
			t.Errorf("step %d is %q; want %q", i, got, want)
		}
	}
	if want := "  INSTALL /lib/modules/" + k.Release + "/extra/a.ko\n"; b.Steps[1].Output != want {
		t.Errorf("modules_install says %q; want %q", b.Steps[1].Output, want)
	}
	if got := b.Steps[0].Output + b.Steps[1].Output; got != live.String() {
		t.Errorf("live output %q; want %q", live.String(), got)
	}
	if !strings.Contains(b.Steps[0].Output, "  CC [M]  /build/src/a.o\n") ||
		strings.Contains(live.String(), "BTF generation") {
		t.Errorf("make says %q", b.Steps[0].Output)
	}
	again, err := build(t, Request{Sources: dir, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	if !again.Cached || b.Cached || again.ID != b.ID || again.Steps[0].Output != b.Steps[0].Output ||
		rels(again) != "a=a.ko" {
		t.Errorf("second build: %+v", again)
	}
	spoil(t, again)
	third, err := build(t, Request{Sources: dir, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	if third.Cached {
		t.Error("a spoilt entry was taken for a build")
	}
	reproducible(t, third, dir, cache)
}

// spoil truncates a cached module, as a full disk would.
func spoil(t *testing.T, b *Build) {
	t.Helper()
	if err := os.Chmod(b.Modules[0].Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(b.Modules[0].Path, 100); err != nil {
		t.Fatal(err)
	}
}

// reproducible builds again and expects the same bytes.
func reproducible(t *testing.T, b *Build, dir, cache string) {
	t.Helper()
	before, err := os.ReadFile(b.Modules[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := build(t, Request{Sources: dir, CacheDir: cache, NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(anew.Modules[0].Path)
	if err != nil || anew.Cached || anew.Dir != b.Dir || !bytes.Equal(before, after) {
		t.Errorf("NoCache: cached %v, dir %s, equal %v, %v", anew.Cached, anew.Dir, bytes.Equal(before, after), err)
	}
}

func TestBuildErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		kind  error
		text  string // the whole error
	}{
		{"compile error", map[string]string{"Makefile": "obj-m := a.o\n",
			"a.c": source("a") + "static int f(void) { return x; }\n"}, ErrCompile,
			"a.c:17:29: 'x' undeclared (first use in this function)"},
		{"in a subfolder", map[string]string{"Makefile": "obj-m := s/\n", "s/Makefile": "obj-m := a.o\n",
			"s/a.c": "#include \"no.h\"\n"}, ErrCompile,
			"s/a.c:1:10: no.h: No such file or directory; no.h is not in the folder: copy it there, or generate it before the build"},
		{"link out", map[string]string{"Makefile": "obj-m := a.o\n", "a.c": "#include \"no.h\"\n", "no.h": "->../no.h"},
			ErrCompile,
			"a.c:1:10: no.h: No such file or directory; links out of the folder are not followed (no.h -> ../no.h): copy the file in"},
		{"no export", map[string]string{"Makefile": "obj-m := a.o\n",
			"a.c": "extern int gone(void);\nint f(void);\nint f(void) { return gone(); }\n" + source("a")}, ErrCompile,
			`a.ko: modpost: "gone" undefined!; the kernel does not export gone: build the module that has EXPORT_SYMBOL(gone) in the same folder, or check the name`},
		{"empty obj-m", map[string]string{"Makefile": "obj-m :=\n"}, ErrNoModules,
			"the build made no module: obj-m in Makefile is empty, or names nothing that becomes a module; name the objects there: " +
				"obj-m := NAME.o for NAME.c, or FOLDER/ for a folder with a Kbuild of its own"},
		{"only all", map[string]string{"Makefile": "all:\n\techo built\n", "b.c": source("b"), "a.c": source("a")},
			ErrNoModules,
			"the build made no module: Makefile sets no obj-m; add this line to it: obj-m := a.o b.o"},
		{"only subfolders", map[string]string{"Makefile": "all:\n\tfor d in *; do make -C $$d; done\n", "x/Makefile": "",
			"y/Makefile": ""}, ErrNoModules,
			"the build made no module: Makefile sets no obj-m; add this line to it: obj-m := x/ y/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := filepath.Join(t.TempDir(), "cache")
			b, err := build(t, Request{Sources: tree(t, c.files), CacheDir: cache})
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, c.kind) || e.Host() {
				t.Fatalf("Run = %+v, %v; want %v", b, err, c.kind)
			}
			if err.Error() != c.text {
				t.Errorf("Run = %v\nwant  %s", err, c.text)
			}
			if len(e.Steps) == 0 || e.Steps[len(e.Steps)-1].Output == "" && c.kind == ErrCompile {
				t.Errorf("steps %+v", e.Steps)
			}
			if list, err := os.ReadDir(cache); err != nil || len(list) != 0 {
				t.Errorf("a failed build left %d entries (%v)", len(list), err)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	dir := tree(t, map[string]string{"Makefile": "obj-m := a.o\n",
		"a.c": source("a") + "#ifndef WANTED\n#error no flag\n#endif\nstatic int unused(int x) { return 0; }\n"})
	b, err := build(t, Request{Sources: dir, Flags: []string{"W=1", "KCFLAGS=-DWANTED"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.Steps[0].Output, "unused") || !slices.Contains(b.Steps[0].Argv, "W=1") {
		t.Errorf("W=1 did nothing: %q", b.Steps[0].Output)
	}
	for _, f := range []string{"-j4", "", "clean", "M=/", "INSTALL_MOD_PATH=/", "--eval=x"} {
		if _, err := build(t, Request{Sources: dir, Flags: []string{f}}); !errors.Is(err, ErrFlag) {
			t.Errorf("flag %q: %v; want ErrFlag", f, err)
		}
	}
}

// Two callers with the same sources build once; a third with other sources is not held up.
func TestBuildOnce(t *testing.T) {
	dir := tree(t, map[string]string{"Makefile": "obj-m := a.o\n", "a.c": source("a")})
	cache := filepath.Join(t.TempDir(), "cache")
	k := testKernel(t)
	var wg sync.WaitGroup
	cached := make([]bool, 3)
	for i := range cached {
		wg.Go(func() {
			b, err := Run(context.Background(), Request{Kernel: k, Sources: dir, Runner: SandboxRunner{}, CacheDir: cache})
			if err != nil {
				t.Error(err)
				return
			}
			cached[i] = b.Cached
		})
	}
	wg.Wait()
	made := 0
	for _, c := range cached {
		if !c {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d of 3 callers built; want 1", made)
	}
	nothingLeft(t, cache)
}

// A cache on a full disk: the message is about the disk, not about the sources.
func TestNoSpace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can make a small disk")
	}
	k := testKernel(t)
	dir := tree(t, map[string]string{"root/": "", "cache/": "", "src/Makefile": "obj-m := a.o\n", "src/a.c": source("a")})
	for _, size := range []string{"4k", "60k", "180k"} { // for the sources, what was built, and the entry of the cache
		cmd := exec.Command("unshare", "-m", "sh", "-c",
			`mount --bind "$1" "$2/root" && mount -t tmpfs -o size="$3" none "$2/cache" && exec "$4"`,
			"sh", k.Root, dir, size, os.Args[0])
		cmd.Env = append(os.Environ(), "KBUILD_TEST_DIR="+dir, "KBUILD_TEST_RELEASE="+k.Release)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "no space left on device; free some space on that disk") {
			t.Errorf("with %s: %v, %s", size, err, out)
		}
	}
}

// BenchmarkSandbox is the total time: copy, make, modules_install, store.
func BenchmarkSandbox(b *testing.B) {
	k, err := kernelOnce()
	if err != nil {
		b.Skip(err)
	}
	cache := b.TempDir()
	for b.Loop() {
		if _, err := Run(context.Background(),
			Request{Kernel: k, Sources: "../../modules/signals", Runner: SandboxRunner{}, CacheDir: cache,
				NoCache: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCached is the time to find an existing build.
func BenchmarkCached(b *testing.B) {
	k, err := kernelOnce()
	if err != nil {
		b.Skip(err)
	}
	r := Request{Kernel: k, Sources: "../../modules/signals", Runner: SandboxRunner{}, CacheDir: b.TempDir()}
	if _, err := Run(context.Background(), r); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if found, err := Run(context.Background(), r); err != nil || !found.Cached {
			b.Fatal(found, err)
		}
	}
}
