// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab"
)

func TestParseSignals(t *testing.T) {
	for name, want := range map[string]syscall.Signal{
		"SIGUSR1": syscall.SIGUSR1, "usr1": syscall.SIGUSR1, "10": syscall.SIGUSR1, "SigTerm": syscall.SIGTERM,
		" kill ": syscall.SIGKILL,
		"RTMIN":  34, "sigrtmin+2": 36, "RTMAX": 64, "rtmax-3": 61, "SIG40": 40, "64": 64,
	} {
		got, err := parseSignals([]string{name})
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q is %v (%v), want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"", "nosuch", "0", "65", "-1", "SIG", "RTMIN-1", "RTMAX+1", "RTMIN2", "RTMIN+",
		"USR1 TERM"} {
		var usage *kmodlab.UsageError
		if got, err := parseSignals([]string{"TERM", name}); !errors.As(err, &usage) {
			t.Errorf("%q is %v (%v), want a usage error", name, got, err)
		}
	}
}
