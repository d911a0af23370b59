// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// depmodTrees are Debian's kernels with all their drivers, about 4,000 modules each: plain .ko files of 5.10 and 6.1,
// .ko.xz files of 6.12 and 7.3.
var depmodTrees = []string{
	"debian:bullseye/generic", "debian:bookworm/generic",
	"debian:trixie/generic", "debian:trixie-backports/generic",
}

// takeIndex removes the index from dir and returns its files.
func takeIndex(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Type() != 0 || !strings.HasPrefix(e.Name(), "modules.") { // a link is a file that came with the kernel
			continue
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = data
	}
	return files
}

// ownModules builds the pair of modules/signals for the kernel, and returns the files.
func ownModules(t *testing.T, k *kernel.Kernel) []string {
	t.Helper()
	if err := kbuild.CheckSandbox(t.Context()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("NOT TESTED with our own modules: %v", err)
		return nil
	}
	b, err := kbuild.Run(t.Context(), kbuild.Request{
		Kernel:   k,
		Sources:  "../../modules/signals",
		Runner:   kbuild.SandboxRunner{},
		CacheDir: filepath.Join(machine.CacheDir(t), "build"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range b.Modules {
		paths = append(paths, m.Path)
	}
	return paths
}

// TestDepmodTrees indexes the same trees with kmod's depmod and with ours, and compares every file. It prints the
// table of docs/kmod.md.
func TestDepmodTrees(t *testing.T) {
	name, err := kernel.DefaultName()
	if err != nil {
		needs.Missing(t, "%v", err)
	}
	names, kmods := []string{name}, []machine.KmodTool{machine.HostKmod(t)}
	if os.Getenv("KMODLAB_TEST_ALL") != "" {
		names = append(names, depmodTrees...)
		kmods = append(kmods, machine.TreeKmod(t, machine.Kernel(t, machine.NewKmodTree)))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			k := machine.Kernel(t, name)
			root, dir := machine.ModuleTree(t, k, ownModules(t, k)...)
			for _, theirs := range kmods {
				compareDepmod(t, k, theirs, root, dir)
			}
		})
	}
}

func compareDepmod(t *testing.T, k *kernel.Kernel, theirs machine.KmodTool, root, dir string) {
	t.Helper()
	run := func(cmd *exec.Cmd) map[string][]byte {
		t.Helper()
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		return takeIndex(t, dir)
	}
	want := run(theirs.Command("depmod", "-b", root, k.Release))
	got := run(machine.OurKmod(t).Command("depmod", "--kmod", strconv.Itoa(theirs.Version), "-b", root, k.Release))
	same := 0
	for name, data := range want {
		if bytes.Equal(data, got[name]) {
			same++
		} else {
			t.Errorf("%s of %s differs from that of %s", name, k.Release, theirs.What)
		}
	}
	files := 10
	if theirs.Version >= 33 {
		files = 11
	}
	if len(want) != files || len(got) != files {
		t.Errorf("%s wrote %d files, we %d; want %d", theirs.What, len(want), len(got), files)
	}
	modules := bytes.Count(want["modules.dep"], []byte{'\n'})
	t.Logf("| %s | %d | %s | %d of %d |", k.Release, modules, theirs.What, same, files)
}

// TestDepmodUnreadable runs depmod as an ordinary user, on a tree with files that the user may not read. depmod writes
// the index of the rest, and names each file that it could not use.
func TestDepmodUnreadable(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "kmodlab-depmod-") // only root may enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	modules := filepath.Join(dir, "lib/modules/1.2")
	program, err := os.ReadFile(testlab.Kmodlab(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{
		dir + "/depmod":                      program,
		modules + "/a.ko":                    nil,
		modules + "/secret/b.ko":             nil,
		modules + "/c.ko":                    []byte("text"),
		modules + "/modules.order":           nil,
		modules + "/modules.builtin":         nil,
		modules + "/modules.builtin.modinfo": nil,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(dir+"/depmod", "-C", "/dev/null", "-b", dir, "1.2")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(modules, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]fs.FileMode{dir: 0o755, modules + "/a.ko": 0, modules + "/secret": 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(modules+"/secret", 0o755) // for RemoveAll
	out, err := cmd.CombinedOutput()
	for _, w := range []string{
		modules + "/a.ko: permission denied",
		modules + "/secret: Permission denied",
		modules + "/c.ko: not a module",
	} {
		if err != nil || !strings.Contains(string(out), w) {
			t.Errorf("%v, %q is missing in\n%s", err, w, out)
		}
	}
	data, err := os.ReadFile(modules + "/modules.dep")
	if got := string(data); err != nil || got != "a.ko:\nc.ko:\n" && got != "c.ko:\na.ko:\n" {
		t.Errorf("modules.dep: %q, %v", data, err)
	}
}
