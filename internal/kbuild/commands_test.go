// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

func TestShellWords(t *testing.T) {
	for line, want := range map[string][]string{
		``:                                   nil,
		` a  b `:                             {"a", "b"},
		`gcc -DT='"a b"' -DQ=\"x\" -c a.c`:   {"gcc", `-DT="a b"`, `-DQ="x"`, "-c", "a.c"},
		`gcc "-DT=\"a b\\n\c" '' a.c ; ld x`: {"gcc", `-DT="a b\n\c`, "", "a.c"},
		`gcc a.c;ld x`:                       {"gcc", "a.c"},
		`gcc a.c && x`:                       {"gcc", "a.c"},
		`gcc 'a;b' a.c|x`:                    {"gcc", "a;b", "a.c"},
		`gcc 'never ends`:                    {"gcc", "never ends"},
		"gcc a\\ b.c \\":                     {"gcc", "a b.c", `\`},
		`gcc -I/a/größe -D'X(y)=z' $(x) a.c`: {"gcc", "-I/a/größe", "-DX(y)=z", "$"},
		`gcc "a` + "`" + `b" "\$x" "it's" 'say "y"'`: {"gcc", "a`b", "$x", "it's", `say "y"`},
	} {
		if got := shellWords(line); !slices.Equal(got, want) {
			t.Errorf("%s\n is %q\nwant %q", line, got, want)
		}
	}
}

// commandOf is a translated line as one string, "" if it is not about a file of the person's.
func commandOf(line string) string {
	t := translation{
		src: "/build/src", sources: "/home/me/my mod", root: "/k/root", build: "/lib/modules/R/build",
		headers: "/k/root/usr/src/linux-headers-R",
	}
	c, rel := t.command(line)
	if rel == "" {
		return ""
	}
	return strings.Join(c.Arguments, "|")
}

func TestTranslation(t *testing.T) {
	const end = "|-Wno-unknown-warning-option|-fsyntax-only|/home/me/my mod/"
	for _, c := range []struct{ what, line, want string }{
		{"5.10", `cmd_/build/src/top.o :=  gcc-10 -Wp,-MMD,/build/src/.top.o.d -nostdinc ` +
			`-isystem /usr/lib/gcc/x86_64-linux-gnu/10/include -I/usr/src/linux-headers-common/arch/x86/include ` +
			`-I./include -include /usr/src/linux-headers-common/include/linux/kconfig.h -D__KERNEL__ ` +
			`-fmacro-prefix-map=/usr/src/= -Werror=return-type -fshort-wchar -std=gnu89 -mno-sse2 -m64 -mpreferred-stack-boundary=3 ` +
			`-mcmodel=kernel -mindirect-branch=thunk-extern -O2 -fconserve-stack -g -pg -mrecord-mcount -DCC_USING_FENTRY ` +
			`-I/build/src/include -DTEXT='"a b"' -DQ=\"x\"  -DMODULE  -c -o /build/src/top.o /build/src/top.c`,
			"gcc-10|-nostdinc|-isystem|/k/root/usr/lib/gcc/x86_64-linux-gnu/10/include|" +
				"-I/k/root/usr/src/linux-headers-common/arch/x86/include|-I/k/root/usr/src/linux-headers-R/include|" +
				"-include|/k/root/usr/src/linux-headers-common/include/linux/kconfig.h|-D__KERNEL__|" +
				"-Werror=return-type|-fshort-wchar|-std=gnu89|-mno-sse2|-m64|-mcmodel=kernel|-O2|-DCC_USING_FENTRY|" +
				`-I/home/me/my mod/include|-DTEXT="a b"|-DQ="x"|-DMODULE` + end + "top.c"},
		{"6.12", `savedcmd_/build/src/sub/low.o :=  x86_64-linux-gnu-gcc-14 -I./include -fmin-function-alignment=16 ` +
			`-Wimplicit-fallthrough=5 -c -o /build/src/sub/low.o /build/src/sub/low.c   ; ./tools/objtool/objtool --orc ` +
			`/build/src/sub/low.o`,
			"x86_64-linux-gnu-gcc-14|-I/k/root/usr/src/linux-headers-R/include|-Wimplicit-fallthrough=5" + end + "sub/low.c"},
		{"7.3, where make runs in the sources' folder", `savedcmd_sub/low.o :=  gcc-16 -Wp,-MMD,sub/.low.o.d ` +
			`-I/usr/src/linux-headers-R/include -I././include -fms-extensions -fsanitize=bounds-strict -c -o sub/low.o sub/low.c  ; ` +
			`/usr/src/linux-headers-R/tools/objtool/objtool sub/low.o`,
			"gcc-16|-I/k/root/usr/src/linux-headers-R/include|-I/home/me/my mod/include|-fms-extensions" + end + "sub/low.c"},
		{"of make", `cmd_/build/src/a.o := gcc -DA=$(pound)1 -DB='$$x' -c -o /build/src/a.o /build/src/a.c`,
			"gcc|-DA=#1|-DB=$x" + end + "a.c"},
		{"assembly", `cmd_/build/src/a.o := gcc -D__ASSEMBLY__ -c -o /build/src/a.o /build/src/a.S`,
			"gcc|-D__ASSEMBLY__" + end + "a.S"},
		{"through the build link", `cmd_/build/src/a.o := gcc -I/lib/modules/R/build/x -I /lib/modules/R/builder -c /build/src/a.c`,
			"gcc|-I/k/root/usr/src/linux-headers-R/x|-I|/k/root/lib/modules/R/builder" + end + "a.c"},
		{"words apart", `cmd_/build/src/a.o := gcc -D X=1 -U Y -iquote q -idirafter/z -imacros m.h -I -c /build/src/a.c`,
			"gcc|-DX=1|-UY|-iquote|/k/root/usr/src/linux-headers-R/q|-idirafter/k/root/z|" +
				"-imacros|/k/root/usr/src/linux-headers-R/m.h|-I|/k/root/usr/src/linux-headers-R/-c" + end + "a.c"},
		{"what would run programs", `cmd_/build/src/a.o := /build/src/evil -fplugin=/build/src/e.so -Xclang -load -Xclang ` +
			`/build/src/e.so -B/build/src -wrapper sh,-c -specs=x @args --config=x -fuse-ld=x -load e.so -include-pch p ` +
			`-fpass-plugin=e.so -Werror -Wp,-DX -Wl,x -DOK -o x -c /build/src/a.c`, "gcc|-DOK" + end + "a.c"},
		{"a file that is not the person's", `cmd_/build/src/a.o := gcc -c -o /build/src/a.o /build/src/../a.c`, ""},
		{"a linker", `cmd_/build/src/pair.o := ld -m elf_x86_64 -r -o /build/src/pair.o /build/src/one.o`, ""},
		{"nothing", `cmd_/build/src/a.o := `, ""},
		{"another line", `source_/build/src/a.o := /build/src/a.c`, ""},
		{"cut", `cmd_/build/src/a.o := gcc -I/usr`, ""},
	} {
		if got := commandOf(c.line); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}

// FuzzTranslation: whatever a build leaves, no option gets through that could run a program.
func FuzzTranslation(f *testing.F) {
	f.Add(`cmd_/build/src/a.o := gcc -Xclang -load -Xclang e.so -fplugin=e.so -DX='a b' -I x -c /build/src/a.c ; x`)
	f.Add(`savedcmd_a.o := sh -c "x" a.c`)
	f.Fuzz(func(t *testing.T, line string) {
		c, rel := translation{src: "/build/src", sources: "/s", root: "/r", build: "/b", headers: "/h"}.command(line)
		if rel == "" {
			return
		}
		if !reCompiler.MatchString(c.Arguments[0]) || c.File != "/s/"+rel || !filepath.IsLocal(rel) {
			t.Errorf("%q", c)
		}
		for i := 1; i < len(c.Arguments)-1; i++ {
			w := c.Arguments[i]
			if slices.Contains(withPath, w) {
				if i++; !filepath.IsAbs(c.Arguments[i]) {
					t.Errorf("%q is followed by %q", w, c.Arguments[i])
				}
			} else if !strings.HasPrefix(w, "-") || strings.HasPrefix(w, "-X") || strings.Contains(w, "plugin") &&
				!strings.HasPrefix(w, "-D") && !strings.HasPrefix(w, "-U") && !strings.HasPrefix(w, "-I") &&
				!strings.HasPrefix(w, "-i") && !strings.HasPrefix(w, "-W") {
				t.Errorf("%q got through", w)
			}
		}
	})
}

// TestBuildForEditors builds what has a folder for headers, quotes and two levels, and asks a real clang whether it
// understands the commands. The second time they come from the cache.
func TestBuildForEditors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my module")
	fill(t, dir, map[string]string{
		"Makefile": "obj-m := pair.o sub/\npair-y := one.o two.o made.o\n" +
			"ccflags-y += -I$(src)/include -DTEXT='\"a b\"' -DQ=\\\"x\\\"\n$(obj)/made.c: $(src)/made.c_\n\tcp $< $@\n",
		"include/s.h": "#define SIZE 1\n",
		"one.c":       "#include \"s.h\"\n" + source("one") + "int len(void);\nint len(void) { return sizeof(TEXT Q) + SIZE; }\n",
		"two.c":       "int two(void);\nint two(void) { return 2; }\n",
		"made.c_":     "int made(void);\nint made(void) { return 3; }\n",
		"sub/Kbuild":  "obj-m := low.o\n",
		"sub/low.c":   source("low") + "int low(void);\nint low(void) { return 1; }\nEXPORT_SYMBOL_GPL(low);\n",
	})
	cache := filepath.Join(t.TempDir(), "cache")
	for _, cached := range []bool{false, true} {
		b, err := build(t, Request{Sources: dir, CacheDir: cache})
		if err != nil {
			t.Fatal(err)
		}
		if b.Cached != cached || len(b.Steps) != 2 {
			t.Errorf("cached %v, want %v; steps %+v", b.Cached, cached, b.Steps)
		}
		symvers, err := b.Symvers()
		if err != nil || !bytes.Contains(symvers, []byte("\tlow\t"+dir+"/sub/low\tEXPORT_SYMBOL_GPL")) {
			t.Errorf("Module.symvers: %v, %q", err, symvers)
		}
		list, err := b.CompileCommands()
		if err != nil {
			t.Fatal(err)
		}
		checkCommands(t, dir, list)
	}
}

func checkCommands(t *testing.T, dir string, list []CompileCommand) {
	t.Helper()
	var files []string
	for _, c := range list {
		files = append(files, strings.TrimPrefix(c.File, dir+"/"))
		if c.Directory != dir {
			t.Errorf("directory %s", c.Directory)
		}
		if _, err := exec.LookPath("clang"); err != nil {
			needs.Missing(t, "clang is not installed: apt-get install clang")
		}
		cmd := exec.Command("clang", c.Arguments[1:]...)
		cmd.Dir = c.Directory
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("clang: %v\n%s\n%q", err, out, c.Arguments)
		}
	}
	if want := []string{"one.c", "sub/low.c", "two.c"}; !slices.Equal(files, want) {
		t.Errorf("commands for %q, want %q", files, want)
	}
}
