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

// Kmodlab is the program, as it is shipped, with its agent beside it. Tests run it as people do.
func Kmodlab(tb testing.TB) string { return program(tb, BuildKmodlab) }

// Agent is kmodlab-agent.
func Agent(tb testing.TB) string { return program(tb, BuildAgent) }

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

// BuildKmodlab is Kmodlab where there is no test to fail, and BuildAgent is Agent.
var (
	BuildKmodlab = sync.OnceValues(func() (string, error) {
		if _, err := BuildAgent(); err != nil {
			return "", err
		}
		return build("kmodlab")
	})
	BuildAgent = sync.OnceValues(func() (string, error) { return build("kmodlab-agent") })
)

var buildKmod = sync.OnceValues(func() (string, error) { return build("kmod") })

// Example builds one of the programs of examples/, anew each time.
func Example(tb testing.TB, name string) string {
	tb.Helper()
	path, err := buildPackage("examples/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func build(name string) (string, error) { return buildPackage("cmd/" + name) }

// buildPackage builds a program of ours as it is shipped.
func buildPackage(pkg string) (string, error) {
	if programDir == "" {
		return "", errors.New("TestMain of this package does not call testlab.Main")
	}
	path := filepath.Join(programDir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/kmodlab/kmodlab/"+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}
