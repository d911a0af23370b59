// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// cargo finds cargo. make test does not install it, make test-runners does.
func cargo(t *testing.T) string {
	t.Helper()
	if os.Getenv("KMODLAB_TEST_RUNNERS") == "" {
		t.Skip("NOT TESTED: cargo; make test-runners installs it and runs this")
	}
	path, err := exec.LookPath("cargo")
	if err != nil {
		t.Fatal("no cargo here; type: scripts/setup.sh runners")
	}
	if out, err := exec.Command(path, "--version").CombinedOutput(); err != nil { // rustup's own asks for a toolchain
		t.Fatalf("%s does not run: %v\n%s", path, err, out)
	}
	return path
}

// TestCargo: cargo test runs a crate's tests in the guest through the runner that its configuration names, and they
// use the module's device.
func TestCargo(t *testing.T) {
	program := cargo(t)
	needs.VM(t)
	machine.Kernel(t, "")
	driver, err := filepath.Abs("testdata/hw")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "hwcrate")
	if err := os.CopyFS(dir, os.DirFS("testdata/hwcrate")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".cargo"), 0o777); err != nil {
		t.Fatal(err)
	}
	runner := fmt.Sprintf("[target.x86_64-unknown-linux-gnu]\nrunner = \"kmodlab exec --modules %s --\"\n", driver)
	if err := os.WriteFile(filepath.Join(dir, ".cargo/config.toml"), []byte(runner), 0o666); err != nil {
		t.Fatal(err)
	}
	test := func(env string, args ...string) (string, error) {
		cmd := exec.Command(program, append([]string{"test", "--offline", "--lib", "--tests"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(testlab.Kmodlab(t))+":"+os.Getenv("PATH"), env)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := test("RUST_TEST_HW=", "--", "--nocapture")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, out, `test tests::reads ... ok`, `test golden ... `, `in `+dir+`\n`, `test result: ok. 3 passed;`)
	if strings.Contains(out, "kmodlab:") {
		t.Errorf("a pass says something of its own:\n%s", out)
	}
	out, err = test("RUST_TEST_HW=fail")
	if err == nil || strings.Contains(out, "kmodlab:") {
		t.Errorf("a failure ends in %v:\n%s", err, out)
	}
	wants(t, out, `as asked`, `test fails ... FAILED`, `2 passed; 1 failed`)
	out, err = test("RUST_TEST_HW=oops", "oopses")
	if err == nil {
		t.Errorf("an oops passes:\n%s", out)
	}
	wants(t, out, `kmodlab: oops: BUG: kernel NULL pointer dereference in hw_write`)
}
