// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
)

// TestFaultsBuild builds all faults at once, with W=1, for each kernel that the test is asked to check. make
// test-faults says which.
func TestFaultsBuild(t *testing.T) {
	if os.Getenv("KMODLAB_TEST_FAULTS") == "" {
		t.Skip("SKIPPED: KMODLAB_TEST_FAULTS is not set: make test-faults builds the faults for every kernel")
	}
	if _, err := exec.LookPath("bwrap"); err != nil {
		t.Fatal("no bwrap: scripts/setup.sh test installs it")
	}
	dir := t.TempDir()
	var kbuildText strings.Builder
	sources, err := filepath.Glob("../../modules/faults/*/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("found no faults: %v", err)
	}
	for _, source := range sources {
		data, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(source)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		kbuildText.WriteString("obj-m += " + strings.TrimSuffix(name, ".c") + ".o\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "Kbuild"), []byte(kbuildText.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	kernels := allKernels
	if only := os.Getenv("KMODLAB_FAULT_KERNEL"); only != "" {
		kernels = []string{only}
	}
	for _, name := range kernels {
		t.Run(strings.ReplaceAll(name, ":", "-"), func(t *testing.T) { buildFaults(t, dir, name, len(sources)) })
	}
}

func buildFaults(t *testing.T, dir, name string, modules int) {
	b, err := kbuild.Run(t.Context(), kbuild.Request{
		Kernel:   machine.Kernel(t, name),
		Sources:  dir,
		Runner:   kbuild.SandboxRunner{},
		Flags:    []string{"W=1"},
		CacheDir: filepath.Join(machine.CacheDir(t), "build"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Modules) != modules {
		t.Errorf("%d modules of %d sources", len(b.Modules), modules)
	}
	for _, step := range b.Steps {
		for line := range strings.Lines(step.Output) {
			if strings.Contains(line, "warning:") || strings.Contains(line, "WARNING:") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}
