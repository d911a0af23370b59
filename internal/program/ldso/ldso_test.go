// SPDX-License-Identifier: MIT

package ldso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab/internal/program"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// read reads an executable as a caller does; it is nil of what is no dynamic one.
func read(tb testing.TB, file string) *program.Object {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := program.Classify(file, data)
	if err != nil {
		tb.Fatal(err)
	}
	return p.Object
}

var lddLine = regexp.MustCompile(`^\t(\S+) => (\S+|not found)(?: \(0x[0-9a-f]+\))?$`)

// ldd is what the dynamic linker itself finds: names and paths, in its order.
func ldd(t *testing.T, file string) (list []string) {
	t.Helper()
	real, err := filepath.EvalSymlinks(file) // ldd takes $ORIGIN for the folder of a link, and the kernel does not
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(needs.Program(t, "ldd"), real)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LD_LIBRARY_PATH=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ldd %s: %v\n%s", file, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if m := lddLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			list = append(list, m[1]+" "+m[2])
		}
	}
	return list
}

// ours is the same of what Libraries finds.
func ours(linked *Linked) (list []string) {
	for _, l := range linked.Libraries {
		list = append(list, l.Name+" "+l.Path)
	}
	return list
}

// TestHost compares with ldd of what this machine has.
func TestHost(t *testing.T) {
	compared := 0
	for _, name := range []string{"bash", "python3", "gdb", "gcc", "git", "perl", "qemu-system-x86_64"} {
		file := "/usr/bin/" + name // what PATH leads to may be a script
		if _, err := os.Stat(file); err != nil {
			t.Logf("no %s here", name)
			continue
		}
		linked, err := Libraries(t.Context(), file, read(t, file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := ldd(t, file); !slices.Equal(ours(linked), want) {
			t.Errorf("%s: %q\nldd: %q", name, ours(linked), want)
		}
		if linked.Interp.Size == 0 || linked.Interp.Path != linked.Interp.Name || len(linked.ByPath) != 0 {
			t.Errorf("%s: %+v", name, linked)
		}
		compared++
	}
	if compared < 3 {
		t.Errorf("only %d programs were compared", compared)
	}
}

// folder is a folder in which libraries are built for a test.
type folder struct {
	testing.TB
	dir string
}

func inFolder(tb testing.TB) folder {
	dir, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	return folder{tb, dir}
}

func (f folder) path(name string) string {
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	return path
}

// object compiles a text in C.
func (f folder) object(text string) string {
	f.Helper()
	path := f.path("object.o")
	testlab.Build(f, path, text, "-c", "-fPIC")
	return path
}

// library builds a library with its own name as its soname, unless the flags have another.
func (f folder) library(name string, flags ...string) string {
	f.Helper()
	path := f.path(name)
	testlab.Build(f, path, "", append([]string{
		"-shared", "-nostdlib", "-Wl,--no-as-needed", "-Wl,-soname," + filepath.Base(name),
	}, flags...)...)
	return path
}

// program links an executable.
func (f folder) program(object string, flags ...string) string {
	f.Helper()
	path := f.path("program")
	testlab.Build(f, path, "", append([]string{object, "-Wl,--no-as-needed,--unresolved-symbols=ignore-all"}, flags...)...)
	return path
}

// TestRules compares with the dynamic linker where libraries are looked for.
func TestRules(t *testing.T) {
	f := inFolder(t)
	main := f.object("int main(void) { return 0; }")
	deep := f.library("lib/libdeep.so")
	direct := f.library("lib/libdirect.so", deep)
	own := f.library("own/libown.so", deep, "-Wl,-rpath,$ORIGIN/../lib")
	f.library("other/libdeep.so")
	soname := f.library("lib/libsoname.so", "-Wl,-soname,libreal.so.1")
	also := f.library("lib/libalso.so", "-Wl,-soname,libreal.so.1", "-Wl,-z,nodefaultlib")
	link(t, "libsoname.so", f.path("lib/libreal.so.1"))
	link(t, "../lib/libdeep.so", f.path("linked/libdeep.so"))
	nameless := f.library("nameless/libnone.so", "-Wl,-soname,")
	foreign(t, deep, f.path("foreign/libdeep.so"))
	if err := os.MkdirAll(f.path("folder/libdeep.so/x"), 0o755); err != nil {
		t.Fatal(err)
	}
	rpath := func(folders string, flags ...string) []string {
		return append([]string{"-Wl,-rpath," + folders}, flags...)
	}
	old := func(folders string, flags ...string) []string {
		return append(rpath(folders, flags...), "-Wl,--disable-new-dtags")
	}
	for name, flags := range map[string][]string{
		"runpath is not inherited":     rpath("$ORIGIN/lib", direct),
		"rpath is":                     old("$ORIGIN/lib", direct),
		"a library's own":              rpath("$ORIGIN/own", own),
		"its own without the rpath":    old("$ORIGIN/own:$ORIGIN/other", own),
		"braces":                       rpath("${ORIGIN}/lib/", deep),
		"first of two":                 rpath("/nowhere:$ORIGIN/other:$ORIGIN/lib", deep),
		"no token":                     rpath("$ORIGINAL/lib:$ORIGIN/lib/$NOTHING:$ORIGIN/lib", deep),
		"a link on the way":            rpath("$ORIGIN/linked/../lib", deep),
		"lib":                          rpath("/$LIB", deep),
		"platform":                     rpath("$ORIGIN/$PLATFORM", deep),
		"another architecture":         rpath("$ORIGIN/foreign:$ORIGIN/lib", deep),
		"another architecture at last": rpath("$ORIGIN/foreign", deep),
		"the same file":                rpath("$ORIGIN/linked:$ORIGIN/lib", deep, also),
		"a soname":                     rpath("$ORIGIN/lib", soname, also),
		"the linker itself":            rpath("$ORIGIN/lib", "/lib64/ld-linux-x86-64.so.2", deep),
		"no default":                   rpath("$ORIGIN/lib", deep, "-Wl,-z,nodefaultlib"),
		"by path":                      rpath("$ORIGIN/lib", nameless, deep),
	} {
		t.Run(name, func(t *testing.T) {
			file := f.program(main, flags...)
			if name == "the same file" {
				link(t, "libdeep.so", f.path("linked/libalso.so"))
			}
			want := ldd(t, file)
			linked, err := Libraries(t.Context(), file, read(t, file))
			if at := slices.IndexFunc(want, func(s string) bool { return strings.HasSuffix(s, " not found") }); at >= 0 {
				missing, is := errors.AsType[*MissingError](err)
				if !is || missing.Library+" not found" != want[at] {
					t.Errorf("%v\nldd: %q", err, want)
				}
				return
			}
			if err != nil || !slices.Equal(ours(linked), want) {
				t.Errorf("%v, %+v\nldd: %q", err, linked, want)
			}
		})
	}
}

func link(tb testing.TB, target, name string) {
	tb.Helper()
	if err := os.Symlink(target, name); err != nil {
		tb.Fatal(err)
	}
}

// foreign makes a library for another architecture of one.
func foreign(tb testing.TB, from, to string) {
	tb.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		tb.Fatal(err)
	}
	data[18] = 183 // the machine: aarch64
	if err := os.WriteFile(to, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// TestRuns copies what Libraries finds, and starts the program as its comment says.
func TestRuns(t *testing.T) {
	f := inFolder(t)
	deep := f.library("lib/libdeep.so")
	twin := f.path("lib/libtwin.so")
	link(t, "libdeep.so", twin)
	f.library("lib/libuser.so", twin, deep)
	file := f.path("program")
	testlab.Build(f, file, `#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
int main(int n, char **v) {
	char line[500];
	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, 500, f)) if (strchr(line, '/') && strstr(line, " 00000000 ")) printf("%s", strchr(line, '/'));
	fgets(line, 500, fopen("/proc/self/comm", "r"));
	printf("argv0 %s\nexecfn %s\ncomm %s", v[0], (char *)getauxval(AT_EXECFN), line);
}`, "-Wl,--no-as-needed", deep, f.path("lib/libuser.so"), "-Wl,-rpath,"+f.dir+"/lib", "-Wl,--disable-new-dtags")
	linked, err := Libraries(t.Context(), file, read(t, file))
	if err != nil {
		t.Fatal(err)
	}
	if at := linked.Libraries[0]; at.Name != "libdeep.so" || at.Path != deep {
		t.Errorf("%+v", linked.Libraries)
	}
	copyTo := func(l Library, name string) string {
		data, err := os.ReadFile(l.Path)
		if err != nil || int64(len(data)) != l.Size {
			t.Fatalf("%+v: %d bytes, %v", l, len(data), err)
		}
		to := f.path(name)
		if err := os.WriteFile(to, data, 0o755); err != nil {
			t.Fatal(err)
		}
		return to
	}
	var want []string
	for _, l := range linked.Libraries {
		want = append(want, copyTo(l, "guest/lib/"+l.Name))
	}
	interp := copyTo(linked.Interp, "guest/interp/program")
	if err := os.Rename(f.path("lib"), f.path("gone")); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(interp, "--library-path", f.path("guest/lib"), file, "x").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range append(want, "argv0 "+file, "execfn "+file, "comm program") {
		if !bytes.Contains(out, []byte(line+"\n")) {
			t.Errorf("no %s in\n%s", line, out)
		}
	}
	if n := bytes.Count(out, []byte(".so")); n != len(want) {
		t.Errorf("%d libraries are loaded, not %d:\n%s", n, len(want), out)
	}
}

func TestMissing(t *testing.T) {
	f := inFolder(t)
	lib := f.library("lib/libdeep.so")
	file := f.program(f.object("int main(void) { return 0; }"), lib, "-Wl,-rpath,$ORIGIN/fifo:$ORIGIN/gone:/dev/null")
	if err := os.Remove(lib); err != nil {
		t.Fatal(err)
	}
	o := read(t, file)
	_, err := Libraries(t.Context(), file, o)
	const todo = "install it, link with -Wl,-rpath,FOLDER (LD_LIBRARY_PATH is not heeded), or link with -static"
	want := file + " needs libdeep.so, which is not on this machine: " + todo
	if missing, is := errors.AsType[*MissingError](err); !is || missing.By != file || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	// A FIFO keeps the linker waiting, but not us.
	if err := syscall.Mkfifo(f.path("fifo/libdeep.so"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Libraries(t.Context(), file, o); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if err := os.WriteFile(f.path("gone/libdeep.so"), []byte("GROUP ( /lib/libdeep.so.1 )"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Libraries(t.Context(), file, o); !errors.As(err, new(*LibraryError)) {
		t.Errorf("a library that is text: %v", err)
	}
	o.Interp = "/nix/store/ld.so"
	_, err = Libraries(t.Context(), file, o)
	want = file + " needs /nix/store/ld.so, which is not on this machine: build the program on this machine, or link it with -static"
	if !errors.As(err, new(*MissingError)) || err.Error() != want {
		t.Errorf("no linker: %v", err)
	}
	o.Interp = ""
	if _, err := Libraries(t.Context(), file, o); err == nil {
		t.Error("a program without a linker has libraries")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrDeadlineExceeded)
	if _, err := Libraries(ctx, "/bin/bash", read(t, "/bin/bash")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the end of the context: %v", err)
	}
}

// TestOtherLinker: the program's linker is not the one that libc asks for.
func TestOtherLinker(t *testing.T) {
	const usual = "/lib64/ld-linux-x86-64.so.2"
	data, err := os.ReadFile(usual)
	if err != nil {
		needs.Missing(t, "no glibc here: %v", err)
	}
	f := inFolder(t)
	linker := f.path("linker")
	if err := os.WriteFile(linker, data, 0o700); err != nil {
		t.Fatal(err)
	}
	file := f.program(f.object("int main(void) { return 0; }"), "-Wl,-dynamic-linker,"+linker)
	o := read(t, file)
	linked, err := Libraries(t.Context(), file, o)
	lib := "libc.so.6"
	if err != nil || linked.Interp.Path != linker || len(linked.Libraries) != 1 || linked.Libraries[0].Name != lib {
		t.Errorf("%+v, %v", linked, err)
	}
	if got := originOf("/program"); got != "/" {
		t.Errorf("the folder of /program is %q", got)
	}
	for _, interp := range []string{"linker", "./linker"} {
		o.Interp = interp
		if _, err := Libraries(t.Context(), file, o); !errors.As(err, new(*MissingError)) {
			t.Errorf("%s: %v", interp, err)
		}
		t.Chdir(f.dir)
		if linked, err := Libraries(t.Context(), file, o); err != nil || linked.Interp.Path != f.dir+"/"+interp {
			t.Errorf("%s: %+v, %v", interp, linked, err)
		}
		t.Chdir("/")
	}
}

// TestVersions: a library that was replaced by an older one.
func TestVersions(t *testing.T) {
	f := inFolder(t)
	script := func(text string) string {
		path := f.path("script")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "-Wl,--version-script," + path
	}
	lib := f.library("libv.so", script("V_1 { local: *; };\n"))
	newer := f.path("newer/libv.so")
	testlab.Build(f, newer, "int v2(void) { return 2; }", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libv.so",
		script("V_1 { local: *; };\nV_2 { global: v2; } V_1;\n"))
	file := f.path("program")
	testlab.Build(f, file, "int v2(void); int main(void) { return v2(); }", newer, "-Wl,-rpath,"+filepath.Dir(lib))
	_, err := Libraries(t.Context(), file, read(t, file))
	if lacks, is := errors.AsType[*program.LacksError](err); !is || lacks.Version != "V_2" || lacks.Newest != "V_1" {
		t.Error(err)
	}
	want := file + " needs V_2; this machine has up to V_1: "
	if !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
