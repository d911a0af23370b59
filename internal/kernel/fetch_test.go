// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// need skips the test, saying so, if a tool is missing; in CI it fails instead.
func need(t *testing.T, tools ...string) {
	t.Helper()
	needs.Long(t, "it fetches a real kernel")
	for _, tool := range tools {
		if _, err := lookTool(tool); err != nil {
			needs.Missing(t, "no %s here, so no kernel can be fetched or tried; type: scripts/setup.sh test", tool)
		}
	}
}

// testStore is the cache shared by all test runs, so that they fetch once.
func testStore(t *testing.T) *Store {
	t.Helper()
	cache := os.Getenv("KMODLAB_TEST_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(user, "kmodlab")
	}
	return &Store{Dir: filepath.Join(cache, "kernels"), Mirror: os.Getenv("KMODLAB_MIRROR")}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestFetchAndBuild fetches the default kernel, or those named in KMODLAB_TEST_KERNELS, and makes each tree's own tools
// build and install a module.
func TestFetchAndBuild(t *testing.T) {
	need(t, "apt-get", "dpkg-deb", "mke2fs", "bwrap")
	names := strings.Fields(os.Getenv("KMODLAB_TEST_KERNELS"))
	if len(names) == 0 {
		name, err := DefaultName()
		if err != nil || !strings.HasPrefix(name, "debian:") {
			name = "debian:bookworm"
		}
		names = []string{name}
	}
	s := testStore(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			phase := ""
			s.Progress = func(p Progress) {
				if p.Phase != phase || p.Phase == "index" && p.Total == 0 {
					phase = p.Phase
					t.Logf("%6.2f %s %s", time.Since(start).Seconds(), p.Phase, p.Text)
				}
			}
			k, err := s.Get(testContext(t), name)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%6.2f done: %s release %s version %s", time.Since(start).Seconds(), k.Name, k.Release, k.Version)
			checkKernel(t, k)
			buildModule(t, k)
		})
	}
}

func checkKernel(t *testing.T, k *Kernel) {
	t.Helper()
	release, err := imageRelease(k.Image)
	if err != nil || release != k.Release {
		t.Errorf("the image says release %q, %v; want %q", release, err, k.Release)
	}
	if k.Version == "" || len(k.ID) != 64 {
		t.Errorf("version %q, ID %q", k.Version, k.ID)
	}
	if _, err := os.Stat(filepath.Join(k.ModuleDir(), "modules.builtin")); err != nil {
		t.Error(err)
	}
	if fsck, err := lookTool("e2fsck"); err == nil {
		if out, err := exec.Command(fsck, "-fn", k.RootImage).CombinedOutput(); err != nil {
			t.Errorf("e2fsck of the image: %v\n%s", err, out)
		}
	}
	if debugfs, err := lookTool("debugfs"); err == nil {
		out, err := exec.Command(debugfs, "-R", "stat /usr/bin/make", k.RootImage).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "User:     0   Group:     0") {
			t.Errorf("the image's files are not root's: %v\n%s", err, out)
		}
	}
}

const hello = `#include <linux/module.h>
#include <linux/kthread.h>
static int __init hello_init(void) { pr_info("hello\n"); return 0; }
static void __exit hello_exit(void) { }
module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("hello");
MODULE_LICENSE("GPL");
`

// buildModule runs the tree's own make, compiler, modpost, objtool and kmod in a sandbox.
func buildModule(t *testing.T, k *Kernel) {
	t.Helper()
	work := t.TempDir()
	for file, text := range map[string]string{"hello.c": hello, "Kbuild": "obj-m := hello.o\n"} {
		if err := os.WriteFile(filepath.Join(work, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`set -e
make -C %[1]s M=/work W=1 modules
make -C %[1]s M=/work INSTALL_MOD_PATH=/work/inst INSTALL_MOD_DIR=extra modules_install
awk 'BEGIN { print "awk works" }'; echo 'int main(void) { return 0; }' > /tmp/u.c; cc -o /tmp/u /tmp/u.c; /tmp/u
modinfo -F vermagic /work/hello.ko; depmod --version | head -1
find /work/inst -name 'hello.ko*'`, k.BuildDir())
	cmd := exec.Command("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", k.Root, "/",
		"--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--bind", work, "/work",
		"--clearenv", "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "/bin/sh", "-c", script)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("build in the sandbox: %v\n%s", err, out)
	}
	t.Logf("built in %.1f s\n%s", time.Since(start).Seconds(), out)
	for _, want := range []string{k.Release + " SMP", "awk works",
		"/work/inst/lib/modules/" + k.Release + "/extra/hello.ko"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the output of the build", want)
		}
	}
	if strings.Contains(string(out), "warning:") {
		t.Error("the build warns")
	}
}
