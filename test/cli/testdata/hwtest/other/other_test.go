// SPDX-License-Identifier: MIT

package other

import (
	"os"
	"testing"
)

// TestAlone: another package runs beside this one, in a machine of its own.
func TestAlone(t *testing.T) {
	name, err := os.Hostname()
	if err != nil || name != "kmodlab" {
		t.Errorf("runs on %q, %v", name, err)
	}
}
