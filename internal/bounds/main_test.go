// SPDX-License-Identifier: MIT

package bounds

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain mounts control groups of version 2 if it is asked to, as in the guest of TestBoundsV2.
func TestMain(m *testing.M) {
	if dir := os.Getenv("KMODLAB_TEST_CGROUP2"); dir != "" {
		if err := unix.Mount("none", dir, "cgroup2", 0, ""); err != nil {
			fmt.Fprintf(os.Stderr, "mount %s: %v\n", dir, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
