// SPDX-License-Identifier: MIT

package ldso

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/program"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestCache compares with what ldconfig says of its own caches, in both formats.
func TestCache(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/sbin:/usr/sbin")
	ldconfig := needs.Program(t, "ldconfig")
	f := inFolder(t)
	f.library("lib/libx.so.1")
	foreign(t, f.library("lib/liby.so.1"), f.path("lib/libz.so.1"))
	conf := f.path("conf")
	if err := os.WriteFile(conf, []byte(f.dir+"/lib\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"new", "compat", "old"} {
		file := f.path(format)
		cmd := exec.Command(ldconfig, "-X", "-i", "-c", format, "-f", conf, "-C", file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ldconfig: %v\n%s", err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseCache(data)
		if format == "old" {
			if err == nil {
				t.Error("the format of glibc 2.1 is read")
			}
			continue
		}
		want := printed(t, ldconfig, file)
		if err != nil || len(got) != len(want) || got["libx.so.1"] != f.dir+"/lib/libx.so.1" {
			t.Errorf("%s: %v, %d libraries, want %d", format, err, len(got), len(want))
		}
		for name, path := range want {
			if got[name] != path {
				t.Errorf("%s: %s is %s, want %s", format, name, got[name], path)
			}
		}
	}
}

// printed are the libraries for x86-64 that ldconfig finds in a cache.
func printed(t *testing.T, ldconfig, file string) map[string]string {
	t.Helper()
	out, err := exec.Command(ldconfig, "-p", "-C", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	paths := make(map[string]string)
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		name, path, ok := strings.Cut(strings.TrimSpace(s.Text()), " (libc6,x86-64) => ")
		if _, has := paths[name]; ok && !has {
			paths[name] = path
		}
	}
	return paths
}

// cacheOf makes a cache of entries: flags, name, path, hardware capabilities.
func cacheOf(entries ...[4]any) []byte {
	order := binary.LittleEndian
	strings := []byte{0}
	var table []byte
	base := uint32(newHeader + newEntry*len(entries))
	add := func(s string) uint32 {
		at := base + uint32(len(strings))
		strings = append(append(strings, s...), 0)
		return at
	}
	for _, e := range entries {
		table = order.AppendUint32(table, uint32(e[0].(int)))
		table = order.AppendUint32(table, add(e[1].(string)))
		table = order.AppendUint32(table, add(e[2].(string)))
		table = order.AppendUint32(table, 0)
		table = order.AppendUint64(table, uint64(e[3].(int)))
	}
	data := order.AppendUint32([]byte(newMagic), uint32(len(entries)))
	data = order.AppendUint32(data, uint32(len(strings)))
	data = append(data, make([]byte, newHeader-len(data))...)
	return slices.Concat(data, table, strings)
}

func TestCacheEntries(t *testing.T) {
	got, err := parseCache(cacheOf(
		[4]any{3, "libx.so", "/lib32/libx.so", 0}, // i386
		[4]any{libX8664, "libx.so", "/lib/glibc-hwcaps/x86-64-v3/libx.so", 1 << 62},
		[4]any{libX8664, "libx.so", "/lib/libx.so", 0}, [4]any{libX8664, "libx.so", "/later/libx.so", 0},
		[4]any{libX8664, "liby.so", "relative/liby.so", 0}, [4]any{libX8664, "", "/lib/", 0},
	))
	if err != nil || len(got) != 1 || got["libx.so"] != "/lib/libx.so" {
		t.Errorf("%v, %v", got, err)
	}
	whole := cacheOf([4]any{libX8664, "libx.so", "/lib/libx.so", 0})
	for n := range whole {
		if got, err := parseCache(whole[:n]); err == nil && len(got) > 0 {
			t.Errorf("%d of %d bytes: %v", n, len(whole), got)
		}
	}
	whole[flagsAt] = wrongOrder
	if _, err := parseCache(whole); !errors.Is(err, errCache) {
		t.Errorf("a big-endian cache: %v", err)
	}
}

func FuzzCache(f *testing.F) {
	whole := cacheOf([4]any{libX8664, "libx.so", "/lib/libx.so", 0}, [4]any{3, "liby.so", "/lib/liby.so", 0})
	f.Add(whole)
	old := binary.LittleEndian.AppendUint32([]byte(oldMagic+"\x00"), 2)
	f.Add(slices.Concat(old, make([]byte, 2*oldEntry), whole))
	f.Fuzz(func(t *testing.T, data []byte) {
		paths, err := parseCache(data)
		if err != nil && paths != nil {
			t.Fatal(paths, err)
		}
		for name, path := range paths {
			if name == "" || path[0] != '/' || len(name)+len(path) > 2*maxEntry || strings.Contains(name+path, "\x00") {
				t.Fatalf("%q is %q", name, path)
			}
		}
	})
}

// fakeRoot is a folder in place of this machine's root.
func fakeRoot(tb testing.TB, files map[string]string) folder {
	f := inFolder(tb)
	for name, text := range files {
		if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}

func TestConf(t *testing.T) {
	f := fakeRoot(t, map[string]string{
		"etc/ld.so.conf":          "# first\n /a/ # b\ninclude ld.so.conf.d/*.conf\t/etc/more\nhwcap 1 x\n/b=libc6\nrelative\n\n/c",
		"etc/ld.so.conf.d/1.conf": "/1\n",
		"etc/ld.so.conf.d/2.conf": "/2\ninclude /etc/ld.so.conf\n",
		"etc/ld.so.conf.d/3":      "/3",
		"etc/more":                "/m n\ninclude [\n",
	})
	c := conf{system: system{f.dir}}
	c.read("/etc/ld.so.conf", 0)
	if want := []string{"/a/", "/1", "/2", "/a/", "/1", "/2"}; !slices.Equal(c.folders[:6], want) {
		t.Errorf("%q", c.folders)
	}
	slices.Sort(c.folders)
	if want := []string{"/1", "/2", "/a/", "/b", "/c", "/m n"}; !slices.Equal(slices.Compact(c.folders), want) {
		t.Errorf("%q", c.folders)
	}
}

// TestWithoutCache: the folders of ld.so.conf are searched, then the linker's own; what is damaged is no cache.
func TestWithoutCache(t *testing.T) {
	f := fakeRoot(t, map[string]string{"etc/ld.so.conf": "/opt/lib\n/opt/lib2/\n"})
	f.library("opt/lib2/liba.so")
	f.library("usr/lib64/libb.so")
	f.library("lib64/ld-linux-x86-64.so.2")
	for _, cache := range []string{"", newMagic} {
		if err := os.WriteFile(f.path("etc/ld.so.cache"), []byte(cache), 0o600); err != nil {
			t.Fatal(err)
		}
		if cache == "" {
			os.Remove(f.path("etc/ld.so.cache"))
		}
		o := &program.Object{
			Arch: program.AMD64, Interp: "/lib64/ld-linux-x86-64.so.2", Needed: []string{"liba.so", "libb.so"},
		}
		linked, err := system{f.dir}.resolve(t.Context(), "/etc/ld.so.conf", o)
		if err != nil || !slices.Equal(ours(linked), []string{"liba.so /opt/lib2/liba.so", "libb.so /usr/lib64/libb.so"}) {
			t.Errorf("cache %q: %+v, %v", cache, linked, err)
		}
	}
}

// TestMusl: its linker is its C library, too, and has a list of folders of its own.
func TestMusl(t *testing.T) {
	f := fakeRoot(t, map[string]string{"usr/local/program": "", "etc/x": "", "opt/musl/etc/x": ""})
	deep := f.library("own/libdeep.so")
	for _, lib := range []string{"usr/local/lib/liba.so", "m/lib/liba.so"} {
		f.library(lib, deep)
	}
	const linker = "/lib/ld-musl-x86_64.so.1"
	f.library("opt/musl"+linker, "-Wl,-soname,libc.musl-x86_64.so.1")
	link(t, "../opt/musl"+linker, f.path(linker))
	for _, test := range []struct{ prefix, list, found string }{
		{"", "", "/usr/local/lib/liba.so"},
		{"", "/m/lib:/n\n/usr/lib\n", "/m/lib/liba.so"},
		{"/opt/musl", "/m/lib", "/m/lib/liba.so"},
	} {
		if test.list != "" {
			list := f.path(test.prefix + "/etc/ld-musl-x86_64.path")
			if err := os.WriteFile(list, []byte(test.list), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o := &program.Object{
			Arch: program.AMD64, Interp: test.prefix + linker, RunPath: "$ORIGIN/$LIB:$ORIGIN/../../own:",
			Needed: []string{"libc.musl-x86_64.so.1", "libm.so", "liba.so", "libc.so"},
		}
		linked, err := system{f.dir}.resolve(t.Context(), "/usr/local/program", o)
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		want := []string{"liba.so " + test.found, "libdeep.so /usr/local/../../own/libdeep.so"}
		if !slices.Equal(ours(linked), want) {
			t.Errorf("%+v: %q", test, ours(linked))
		}
	}
}

func TestExpand(t *testing.T) {
	f := fakeRoot(t, map[string]string{"lib/x86_64-linux-gnu/x": ""})
	o := &object{origin: "/o"}
	for name, rules := range map[string]rules{
		"debian": system{f.dir}.glibc(), "other": system{t.TempDir()}.glibc(), "musl": &musl{},
	} {
		lib := map[string]string{"debian": "lib/x86_64-linux-gnu", "other": "lib64"}[name]
		for in, want := range map[string]string{
			"/a": "/a", "$ORIGIN": "/o", "${ORIGIN}/x$ORIGIN": "/o/x/o", "/usr/$LIB/$PLATFORM": "/usr/" + lib + "/x86_64",
			"$ORIGINX": "$ORIGINX", "${ORIGIN": "${ORIGIN", "$": "$", "${}": "${}", "$$ORIGIN": "$/o", "$ORIGIN_": "$ORIGIN_",
		} {
			got, ok := rules.expand(in, o)
			ignored := name == "musl" && want != "/a" && !strings.HasPrefix(want, "/o") // it knows nothing but ORIGIN
			if ok == ignored || ok && got != want {
				t.Errorf("%s: %s is %s (%v), want %s", name, in, got, ok, want)
			}
		}
		o := &object{origin: strings.Repeat("/o", 100)}
		if got, _ := rules.expand(strings.Repeat("$ORIGIN", 100_000), o); len(got) > 2*maxExpanded {
			t.Errorf("%s: a path of %d bytes", name, len(got))
		}
	}
}

// TestTooMany: the search has an end, whatever a stranger's files say.
func TestTooMany(t *testing.T) {
	o := read(t, "/bin/bash")
	for name, runPath := range map[string]string{
		"folders": strings.Repeat(":/x", maxTries), "long": strings.Repeat(strings.Repeat("$ORIGIN", 20)+":", maxTries),
	} {
		o.RunPath, o.Needed = runPath, []string{"libnone"}
		if _, err := Libraries(t.Context(), "/bin/bash", o); !errors.Is(err, ErrTooMany) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := inFolder(t)
	data, err := os.ReadFile(f.library("one.so", "-Wl,-soname,"))
	if err != nil {
		t.Fatal(err)
	}
	o.RunPath, o.Needed = f.dir, nil
	for n := range maxLibraries + 1 {
		name := fmt.Sprint("lib", n)
		o.Needed = append(o.Needed, name)
		if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Libraries(t.Context(), "/bin/bash", o); !errors.Is(err, ErrTooMany) {
		t.Errorf("%d libraries: %v", len(o.Needed), err)
	}
}
