// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// program is the package of the agent.
const program = "github.com/kmodlab/kmodlab/cmd/kmodlab-agent"

// folder is that of the package under test, in which go test starts the test program.
var folder, folderErr = os.Getwd()

// hold reserves the virtual machines of this user for this process: machines that share few processors miss their
// deadlines, and go test runs packages beside each other.
var hold = needs.Machines

// prepare skips a test that cannot run here, and finds the agent.
func (c *config) prepare(t testing.TB) {
	t.Helper()
	needs.Long(t, "it starts a virtual machine")
	qemu := c.spec.QEMU
	if qemu == "" {
		qemu = "qemu-system-x86_64"
	}
	if _, err := exec.LookPath(qemu); err != nil {
		needs.Missing(t, "no %s here; install QEMU (on Debian: apt-get install qemu-system-x86)", qemu)
	}
	if c.spec.Agent == "" {
		agent, err := findAgent()
		if err != nil {
			t.Fatal(err)
		}
		c.spec.Agent = agent
	}
}

// findAgent finds kmodlab-agent, once.
var findAgent = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("KMODLAB_AGENT"); path != "" {
		return path, nil
	}
	built, err := buildAgent(folder)
	if err == nil {
		return built, nil
	}
	if path, err := exec.LookPath("kmodlab-agent"); err == nil {
		return path, nil
	}
	return "", noAgent(err)
})

// noAgent says what to do if the program cannot be built and is not in PATH.
func noAgent(err error) error {
	return fmt.Errorf("build kmodlab-agent, which works in the guest: %w\n"+
		"type: go mod tidy; or name the program in $KMODLAB_AGENT, or put it into PATH", err)
}

// buildAgent has the go command build the program, of the version that the module in dir uses, and returns its path in
// Go's own build cache.
func buildAgent(dir string) (string, error) {
	if folderErr != nil {
		return "", folderErr
	}
	// go run starts the program through "echo", which prints the path. The first time that is a temporary one, which
	// is gone when go run ends; from then on it is in the cache.
	for range 3 {
		cmd := exec.Command("go", "run", "-buildvcs=false", "-ldflags=-s -w", "-exec=echo", program)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("go run %s: %w\n%s", program, err, strings.TrimSpace(said.String()))
		}
		path := strings.TrimSpace(string(out))
		if _, err := os.Stat(path); err == nil && filepath.IsAbs(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("go run %s: the go command keeps no program; Go 1.24 and later do", program)
}

// inputs are files that the lab depends on.
func (c *config) inputs() []string {
	var list []string
	if c.spec.Dir != "" {
		list = append(list, c.spec.Dir)
	}
	list = append(list, c.spec.Files...)
	for _, t := range c.spec.Tests {
		list = append(list, filepath.Join(t.Within, t.Program))
	}
	for _, p := range c.spec.Put {
		list = append(list, filepath.Join(p.Within, p.Host))
	}
	return list
}

// touch looks at files through the package os, and at what is in folders. In a test program, os notes what is looked
// at, and go test runs the test anew when one of these files has changed. What the engine itself reads it does not
// see, so a cached pass could hide that a module's source has changed.
func touch(paths ...string) {
	for _, named := range paths {
		// A file that cannot be read is the engine's business.
		_ = filepath.WalkDir(named, func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != named && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			os.Stat(path) // also what is not there: it may come
			return nil
		})
	}
}
