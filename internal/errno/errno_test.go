// SPDX-License-Identifier: MIT

package errno

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestName(t *testing.T) {
	for n, want := range map[int]string{
		1: "EPERM", 12: "ENOMEM", 19: "ENODEV", 95: "EOPNOTSUPP", 133: "EHWPOISON", 512: "ERESTARTSYS", 517: "EPROBE_DEFER",
		524: "ENOTSUPP", 531: "ENOGRACE", 134: "EFTYPE", 0: "0", -1: "-1", 41: "41", 520: "520",
		135: "135", 532: "532", 1 << 30: "1073741824",
	} {
		if got := Name(n); got != want {
			t.Errorf("Name(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestNamesOfUserSpace compares the table with the C library's, which has other names for two numbers.
func TestNamesOfUserSpace(t *testing.T) {
	for n := 1; n < 512; n++ {
		want := unix.ErrnoName(unix.Errno(n))
		if want == "" || want == "ENOTSUP" || want == "EFSCORRUPTED" {
			continue
		}
		if got := Name(n); got != want {
			t.Errorf("Name(%d) = %s, want %s", n, got, want)
		}
	}
}
