// SPDX-License-Identifier: MIT

// Package mailbox tests the kernel module in driver/, in virtual machines.
package mailbox

import (
	"testing"

	"github.com/kmodlab/kmodlab/kmodlabtest"
	"github.com/kmodlab/kmodlab/result"
)

// TestMailbox builds and loads the module on two kernels, runs the C test there, and unloads it.
func TestMailbox(t *testing.T) {
	t.Parallel()
	lab := kmodlabtest.Run(t, "driver",
		kmodlabtest.Kernels("debian:bookworm", "debian:trixie"),
		kmodlabtest.Test("tests/mailbox_test.c"),
		kmodlabtest.Expect(`calls.exists(c, c.name == "write" && c.ret == -errno.EMSGSIZE)`))
	lab.Require(
		kmodlabtest.Loaded("mailbox"),
		kmodlabtest.Printed("a message has at most 64 bytes"),
		kmodlabtest.TestPassed("mailbox_test"),
		kmodlabtest.TestPassed("mailbox_test", "refuses a long one"),
		kmodlabtest.Called("ioctl", "/dev/mailbox"),
		kmodlabtest.NoLeaks(),
		kmodlabtest.Unloaded("mailbox"))
}

// TestLeak shows that a fault of the module is found: with this parameter it forgets some memory.
func TestLeak(t *testing.T) {
	t.Parallel()
	lab := kmodlabtest.Run(t, "driver", kmodlabtest.Params("mailbox.leak=1"))
	lab.Require(kmodlabtest.Class(result.Leak, "1000 bytes", "mailbox.c:78"))
}
