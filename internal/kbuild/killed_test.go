// SPDX-License-Identifier: MIT

package kbuild

import (
	"errors"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/bounds"
)

// TestSandboxKilled: a build cannot kill bubblewrap's own process; if that died, the sources are not to blame.
func TestSandboxKilled(t *testing.T) {
	const began, ended = `{ "child-pid": 7 }`, `{ "exit-code": 137 }`
	var e *Error
	if err := setupError(Step{Exit: 137}, strings.NewReader(began)); !errors.As(err, &e) || !e.Host() ||
		!strings.Contains(err.Error(), "bubblewrap was killed: exit status 137; run it again") {
		t.Errorf("bubblewrap was killed: %v", err)
	}
	for what, err := range map[string]error{
		"a command":       setupError(Step{Exit: 137}, strings.NewReader(began+ended)),
		"one that passed": setupError(Step{}, strings.NewReader("")),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestShortage: a build is blamed for a lack of memory only if it had all that it may have.
func TestShortage(t *testing.T) {
	for _, c := range []struct {
		why  bounds.Shortage
		exit int
		want error
		says string
	}{
		{bounds.NoShortage, 137, nil, ""},
		{bounds.GroupShortage, 2, ErrMemory, "its processes and files together took more than"},
		{bounds.GroupShortage, 0, ErrMemory, "its processes and files together took more than"},
		{bounds.MachineShortage, 2, ErrHost, "this machine ran out of memory, and its kernel killed a process of the build; free"},
		{bounds.MachineShortage, 0, nil, ""},
	} {
		err := shortageError(Job{}, c.exit, c.why)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("shortage %v, exit status %d: %v, want %v", c.why, c.exit, err, c.want)
		}
	}
}
