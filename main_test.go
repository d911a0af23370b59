// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// kmodlabBin is the program, as it is shipped. The tests run it as people do, and
// it is the guest's agent too, which the test binary cannot be.
var kmodlabBin string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kmodlab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	kmodlabBin = filepath.Join(dir, "kmodlab")
	if err := build(kmodlabBin, "./cmd/kmodlab"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// buildKmod builds the commands' own program.
func buildKmod(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "kmod")
	if err := build(path, "./cmd/kmod"); err != nil {
		tb.Fatal(err)
	}
	return path
}

// build builds one of our programs as it is shipped.
func build(path, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
