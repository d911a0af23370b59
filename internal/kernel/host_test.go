// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bzImage is the start of a kernel image that claims this release.
func bzImage(release string) []byte {
	b := make([]byte, 0x1000)
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x400)
	copy(b[0x600:], release+" (builder@host) #1 SMP\x00")
	return b
}

// write makes files below dir, folders included.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImageRelease(t *testing.T) {
	dir := t.TempDir()
	elf := "\x7fELF" + strings.Repeat("\x00", 0x20000) + "Linux version %s\x00Linux version 6.9.0-lab (b@h) (gcc)"
	write(t, dir, map[string]string{
		"bz": string(bzImage("6.1.0-56-cloud-amd64")), "elf": elf, "text": "no kernel", "empty": "",
		"short": string(bzImage("6.1")[:0x208]), "far": string(bzImage("6.1")[:0x500]),
		"odd": string(bzImage("../../etc")), "elf-without": "\x7fELFabc",
	})
	for name, want := range map[string]string{
		"bz": "6.1.0-56-cloud-amd64", "elf": "6.9.0-lab",
		"text": "", "empty": "", "short": "", "far": "", "odd": "", "elf-without": "", "missing": "",
	} {
		got, err := imageRelease(filepath.Join(dir, name))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

func FuzzBzImageRelease(f *testing.F) {
	f.Add(bzImage("6.1.0"))
	f.Add(bzImage("6.1.0")[:0x300])
	f.Fuzz(func(t *testing.T, head []byte) {
		if got := bzImageRelease(head); strings.ContainsAny(got, "/\x00\n ") {
			t.Errorf("release %q", got)
		}
		bannerRelease(head)
	})
}

func TestHostKernel(t *testing.T) {
	root := t.TempDir()
	_, err := hostKernelAt(root, "6.1.0")
	if !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	for _, want := range []string{"the image " + root + "/boot/vmlinuz-6.1.0",
		"the modules in " + root + "/lib/modules/6.1.0", "6.1.0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	write(t, root, map[string]string{"boot/vmlinuz-6.1.0": string(bzImage("6.1.0"))})
	if _, err := hostKernelAt(root, "6.1.0"); !errors.Is(err, ErrMissing) || strings.Contains(err.Error(), "the image") {
		t.Errorf("without modules: %v", err)
	}
	write(t, root, map[string]string{"lib/modules/6.1.0/modules.dep": ""})
	k, err := hostKernelAt(root, "6.1.0")
	if err != nil {
		t.Fatal(err)
	}
	if k.Name != "host" || k.Release != "6.1.0" || k.Image != root+"/boot/vmlinuz-6.1.0" || k.RootImage != "" ||
		k.ModuleDir() != root+"/lib/modules/6.1.0" || k.BuildDir() != "/lib/modules/6.1.0/build" || k.ID == "" {
		t.Errorf("%+v", k)
	}
	// Since 7.x the image may lie beside the modules.
	if err := os.Rename(k.Image, root+"/lib/modules/6.1.0/vmlinuz"); err != nil {
		t.Fatal(err)
	}
	again, err := hostKernelAt(root, "6.1.0")
	if err != nil || again.ID != k.ID {
		t.Errorf("image beside the modules: %+v, %v", again, err)
	}
}

func TestPathKernel(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"vmlinuz": string(bzImage("6.9.0-lab")), "junk": "x", "other/modules/5.0.0/modules.dep": "",
		"inst/lib/modules/6.9.0-lab/modules.dep": "", "src/Makefile": "", "src/Module.symvers": "a", "empty/x": "",
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	get := func(spec ...string) (*Kernel, error) {
		return (&Store{Dir: in("cache")}).Get(testContext(t), "path:"+strings.Join(spec, ","))
	}
	k, err := get(in("vmlinuz"), in("inst/lib/modules/6.9.0-lab"), in("src"))
	if err != nil {
		t.Fatal(err)
	}
	if k.Release != "6.9.0-lab" || k.Root != "/" || k.ModuleDir() != in("inst/lib/modules/6.9.0-lab") ||
		k.BuildDir() != in("src") {
		t.Errorf("%+v", k)
	}
	write(t, dir, map[string]string{"src/Module.symvers": "b"})
	changed, err := get(in("vmlinuz"), in("inst/lib/modules/6.9.0-lab"), in("src"))
	if err != nil || changed.ID == k.ID {
		t.Errorf("other symbol versions, the same ID: %v", err)
	}
	k, err = get(in("vmlinuz"), in("inst/lib/modules/6.9.0-lab"))
	if err != nil || k.BuildDir() != in("inst/lib/modules/6.9.0-lab/build") {
		t.Errorf("without headers: %+v, %v", k, err)
	}
	for _, spec := range [][]string{
		{in("none"), in("inst/lib/modules/6.9.0-lab")}, {in("junk"), in("inst/lib/modules/6.9.0-lab")},
		{in("vmlinuz"), in("none")}, {in("vmlinuz"), in("junk")}, {in("vmlinuz"), in("other/modules/5.0.0")},
		{in("vmlinuz"), in("inst/lib/modules/6.9.0-lab"), in("empty")},
	} {
		if _, err := get(spec...); !errors.Is(err, ErrMissing) {
			t.Errorf("%v: %v", spec, err)
		}
	}
	if _, err := os.Stat(in("cache")); err == nil {
		t.Error("a path kernel made a cache folder")
	}
}

func TestFirstWord(t *testing.T) {
	for in, want := range map[string]string{"6.1 x": "6.1", "6.1": "6.1", "": "", "a\nb": "", "a/b": ""} {
		if got := firstWord([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := bannerRelease(bytes.Repeat([]byte("Linux version "), 3)); got != "" {
		t.Errorf("%q", got)
	}
}
