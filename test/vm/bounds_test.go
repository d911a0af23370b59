// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// TestBoundsV2 runs the tests of package bounds on a machine that has control groups of version 2: this one may have
// those of version 1, or none.
func TestBoundsV2(t *testing.T) {
	needs.VM(t)
	program := filepath.Join(t.TempDir(), "bounds.test")
	build := exec.Command("go", "test", "-c", "-o", program, "../../internal/bounds")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	g := machine.Start(t, boot.Options{
		Kernel: machine.Kernel(t, ""), Files: []boot.File{{Name: "/lab/bounds.test", Mode: 0o755, Host: program}},
		Accel: vm.TCG, MemoryMiB: 1024,
	})
	said, exit := typed(t, g, "/bin/sh", "-c",
		"KMODLAB_TEST_CGROUP2=/sys/fs/cgroup /lab/bounds.test -test.v; ls -d /sys/fs/cgroup/kmodlab-*")
	held := !strings.Contains(said, "--- FAIL")
	for _, name := range []string{"TestSum", "TestProcesses", "TestSwapV2"} {
		held = held && strings.Contains(said, "--- PASS: "+name+" ")
	}
	if swept := strings.Contains(said, "No such file"); !held || !swept {
		t.Errorf("exit status %d", exit)
	}
}
