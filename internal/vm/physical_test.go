// SPDX-License-Identifier: MIT

package vm

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// TestFreezeRefused: a machine that could not be frozen is left as it was: QEMU may have stopped it all the same, and
// it keeps no descriptor of ours.
func TestFreezeRefused(t *testing.T) {
	m := start(t, fakeConfig(t, "runs-on"))
	if f, err := m.Freeze(t.Context()); err == nil || !strings.Contains(err.Error(), "stop the guest's processors: ") {
		t.Fatalf("%v, %v, want that it does not stop", f, err)
	}
	for _, want := range []string{"stop \n", "cont \n", `remove-fd {"fdset-id":7}`} {
		testlab.Eventually(t, "QEMU is asked to "+want, func() bool { return strings.Contains(string(m.Console()), want) })
	}
}
