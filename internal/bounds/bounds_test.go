// SPDX-License-Identifier: MIT

package bounds

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// limited runs a shell line in a group. The test is left out, aloud, where no group can be made.
func limited(t *testing.T, limits Limits, line string) (*Group, string, error) {
	t.Helper()
	g, err := New(limits)
	var none *NoneError
	if errors.As(err, &none) {
		t.Skip("NOT TESTED: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	cmd := exec.Command("/bin/sh", "-c", line)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := g.Start(cmd); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	return g, out.String(), err
}

// TestSum: two processes may not have together what one of them may have. Memory is what a pipe's reader holds.
func TestSum(t *testing.T) {
	hold := func(mib string) string { return "head -c " + mib + "000000 /dev/zero | tail | sleep 1 & " }
	if g, out, err := limited(t, Limits{256 << 20, 100}, hold("60")+"wait"); err != nil || g.Shortage() != NoShortage {
		t.Errorf("one: %v, %s", err, out)
	}
	g, _, _ := limited(t, Limits{256 << 20, 100}, strings.Repeat(hold("90"), 4)+"wait")
	if got := g.Shortage(); got != GroupShortage {
		t.Errorf("four with 360 MB stayed below 256 MiB: %v", got)
	}
}

// TestProcesses: the number of processes is bounded for root, too.
func TestProcesses(t *testing.T) {
	_, out, _ := limited(t, Limits{256 << 20, 20}, "for i in 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5; do sleep 1 & done; echo all; wait")
	if !strings.Contains(out, "fork") || strings.Contains(out, "all\n") {
		t.Errorf("%q", out)
	}
}

// TestCommand: in a group a command has its own words, and no input.
func TestCommand(t *testing.T) {
	_, out, err := limited(t, Limits{256 << 20, 20}, `echo "it's $0"; cat`)
	if err != nil || out != "it's /bin/sh\n" {
		t.Errorf("%q, %v", out, err)
	}
}
