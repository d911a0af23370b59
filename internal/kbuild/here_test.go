// SPDX-License-Identifier: MIT

package kbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// The toolchain's tree plays a lab machine: in it, Root is "/" and make is installed. The cache's path has a space in
// it, which make cannot handle.
func TestHereRunner(t *testing.T) {
	k := testKernel(t)
	dir := tree(t, map[string]string{"my cache/": "", "src/Makefile": "obj-m := a.o\nccflags-y += -I$(PWD)/inc\n",
		"src/a.c": "#include <h.h>\n" + source("a"), "src/inc/h.h": ""})
	out := asLabMachine(t, dir, k.Root, k.Release, "/t/src", "/t/my cache")
	if want := "uid 0 built a=a.ko in here\nmake -C /lib/modules/" + k.Release +
		"/build M=$PWD modules\n"; !strings.Contains(out, want) {
		t.Fatalf("on a lab machine: %s\nwant %s", out, want)
	}
	nothingLeft(t, filepath.Join(dir, "my cache"))
	kos, err := filepath.Glob(filepath.Join(dir, "my cache/*/lib/modules/*/extra/a.ko"))
	if err != nil || len(kos) != 1 {
		t.Fatalf("%q, %v", kos, err)
	}
	// The work folder's path differs with each build, so it must not be in there.
	text, err := os.ReadFile(kos[0])
	if err != nil || strings.Contains(string(text), "kmodlab-0/build-") ||
		!strings.Contains(string(text), SourceDir+"/a.c") {
		t.Errorf("the module names the folder in which it was built (%v)", err)
	}
}

func TestHereRunnerLacks(t *testing.T) {
	k := testKernel(t)
	dir := tree(t, map[string]string{"cache/": "", "src/Makefile": "obj-m := a.o\n", "src/a.c": source("a")})
	if out := asLabMachine(t, dir, k.Root, "9.9.9", "/t/src", "/t/cache"); !strings.Contains(out,
		"no headers for kernel 9.9.9") || !strings.Contains(out, "apt-get install linux-headers-9.9.9") {
		t.Errorf("without headers: %s", out)
	}
	if out := asLabMachine(t, dir, k.Root, k.Release, "/t/src", "/t/cache", "--setenv", "PATH",
		"/nowhere"); !strings.Contains(out, "make is not installed; install the compiler: apt-get install build-essential") {
		t.Errorf("without make: %s", out)
	}
}

// asLabMachine runs this test's program with a kernel's Root as its file system.
func asLabMachine(t *testing.T, dir, root, release, sources, cache string, more ...string) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "test"), self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	args, err := rootMounts(root, "")
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, "--unshare-all", "--unshare-user", "--uid", "0", "--die-with-parent", "--proc", "/proc", "--dev",
		"/dev", "--tmpfs", "/tmp",
		"--bind", dir, "/t", "--setenv", "KBUILD_TEST_HERE", release, "--setenv", "KBUILD_TEST_SOURCES", sources, "--setenv",
		"KBUILD_TEST_CACHE", cache)
	args = append(args, more...)
	out, err := exec.Command("bwrap", append(args, "/t/test")...).CombinedOutput()
	if strings.Contains(string(out), "GLIBC_") {
		needs.Missing(t, "this test's program needs a newer C library than the toolchain has: go test with CGO_ENABLED=0")
	}
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return string(out)
}
