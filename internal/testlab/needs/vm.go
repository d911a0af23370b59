// SPDX-License-Identifier: MIT

package needs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

const qemu = "qemu-system-x86_64"

// VM is called by each test that starts a virtual machine, before it does. With
// -short the test is skipped; without QEMU too, aloud. Until the test ends, no other
// process starts machines for a test: go test runs packages in parallel, and
// machines that share few processors miss their deadlines.
func VM(t testing.TB) {
	t.Helper()
	Long(t, "it starts a virtual machine")
	Program(t, qemu)
	release, err := Machines(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
}

// Machines reserves this user's virtual machines for this process until release is
// called. It waits until no other process has them; who is told to those that wait.
func Machines(ctx context.Context, who string) (release func(), err error) {
	if err := machines.take(ctx, who); err != nil {
		return nil, err
	}
	return machines.release, nil
}

// NoVM says why an example that starts a virtual machine cannot run here; empty when
// it can. An example cannot skip itself, so its package's TestMain leaves it out. In
// CI it is never left out, and fails without QEMU.
func NoVM() string {
	if testing.Short() {
		return "with -short, which starts no virtual machine"
	}
	if _, err := exec.LookPath(qemu); err != nil && os.Getenv("CI") != "true" {
		return fmt.Sprintf("no %s here; type: scripts/setup.sh test", qemu)
	}
	return ""
}

// HoldVM is VM for the example of that name: the machines are reserved until the
// process ends.
func HoldVM(name string) error {
	_, err := Machines(context.Background(), name)
	return err
}
