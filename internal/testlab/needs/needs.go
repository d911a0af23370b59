// SPDX-License-Identifier: MIT

// Package needs is for tests that need what a machine may lack. Where it is missing
// they are skipped aloud; in CI, where make has installed everything, they fail.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Missing ends the test. CI is known by its variable: CI=true.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip("NOT TESTED: " + text)
}

// Long is for what takes long or needs the network: with -short the test is skipped.
func Long(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT TESTED with -short: " + why)
	}
}

// Program finds a program on PATH, one of those that scripts/setup.sh installs.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "no %s here; type: scripts/setup.sh test", name)
	}
	return path
}
