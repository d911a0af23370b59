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
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", kmodlabBin, "./cmd/kmodlab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build kmodlab: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
