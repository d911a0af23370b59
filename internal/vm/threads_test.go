// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"path/filepath"
	"testing"
)

func TestThreads(t *testing.T) {
	for _, test := range []struct {
		name     string
		version  string
		parallel bool
		cpus     int
		want     string
	}{
		{"Debian 12", "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b2)\nCopyright", false, 2, inTurns},
		{"8.0", "QEMU emulator version 8.0.5", false, 2, inTurns},
		{"8.1", "QEMU emulator version 8.1.0", false, 2, threadEach},
		{"Debian 13", "QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)", false, 2, threadEach},
		{"no patching meant", "QEMU emulator version 7.2.22", true, 2, threadEach},
		{"one CPU", "QEMU emulator version 7.2.22", false, 1, threadEach},
		{"strange", "qemu-kvm 99", false, 2, inTurns},
		{"silent", "", false, 2, inTurns},
	} {
		t.Run(test.name, func(t *testing.T) {
			qemu := filepath.Join(t.TempDir(), "qemu")
			script := "#!/bin/sh\n[ \"$1\" = --version ] || exit 1\ncat <<'E'\n" + test.version + "\nE\n"
			if err := os.WriteFile(qemu, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			c := Config{QEMU: qemu, Parallel: test.parallel, CPUs: test.cpus}
			if got := threads(t.Context(), c); got != test.want {
				t.Errorf("threads: %s, want %s", got, test.want)
			}
		})
	}
	if got := threads(t.Context(), Config{QEMU: "/no/such/qemu", CPUs: 2}); got != inTurns {
		t.Errorf("threads of a missing QEMU: %s, want %s", got, inTurns)
	}
}
