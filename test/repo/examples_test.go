// SPDX-License-Identifier: MIT

package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/depmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// TestPreflightExample runs examples/preflight on a module that fits a tree, and on one that does not. The other
// examples start machines: test/vm runs them.
func TestPreflightExample(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "preflight")
	build := exec.Command("go", "build", "-o", program, "github.com/kmodlab/kmodlab/examples/preflight")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info := []string{"vermagic=" + kmodtest.Kernel, "license=GPL"}
	fits := kmodtest.Module{Info: info}
	other := kmodtest.Module{Info: []string{"vermagic=1.2.3 SMP mod_unload ", "license=GPL"}}
	if err := kmodtest.WriteTree(dir, map[string][]byte{"kernel/fits.ko": fits.Bytes()}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other.ko"), other.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := depmod.WriteIndex(dir, kmodtest.Release); err != nil {
		t.Fatal(err)
	}
	inTree := filepath.Join("lib/modules", kmodtest.Release, "kernel/fits.ko")
	for module, want := range map[string]string{inTree: "it fits", "other.ko": "1.2.3"} {
		file := filepath.Join(dir, module)
		out, err := exec.Command(program, file, dir, kmodtest.Release).CombinedOutput()
		if !strings.Contains(string(out), want) || (err == nil) != (module == inTree) {
			t.Errorf("%s: %v\n%s", module, err, out)
		}
	}
}
