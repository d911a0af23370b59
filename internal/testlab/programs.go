// SPDX-License-Identifier: MIT

// Package testlab has what tests of several packages share: the programs, built
// when a test first asks for one, what a run left behind, and how to print what a
// benchmark measured.
package testlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Main is what a package's TestMain calls whose tests ask for a program: it runs
// them, and removes what was built.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kmodlab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programDir = dir
	return m.Run()
}

var programDir string

// Kmodlab is the program, as it is shipped. Tests run it as people do, and it is the
// guest's agent, which a test binary cannot be.
func Kmodlab(tb testing.TB) string { return program(tb, BuildKmodlab) }

// Kmod is the program of the six commands for modules alone.
func Kmod(tb testing.TB) string { return program(tb, buildKmod) }

func program(tb testing.TB, build func() (string, error)) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// BuildKmodlab is Kmodlab where there is no test to fail.
var BuildKmodlab = sync.OnceValues(func() (string, error) { return build("kmodlab") })

var buildKmod = sync.OnceValues(func() (string, error) { return build("kmod") })

func build(name string) (string, error) {
	if programDir == "" {
		return "", errors.New("TestMain of this package does not call testlab.Main")
	}
	path := filepath.Join(programDir, name)
	pkg := "github.com/kmodlab/kmodlab/cmd/" + name
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}
