// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestCheckSandboxEnds: whenever the check is interrupted, it ends, although bubblewrap's child may still be there.
func TestCheckSandboxEnds(t *testing.T) {
	if _, err := exec.LookPath("bwrap"); err != nil {
		needs.Missing(t, "no bwrap here")
	}
	for after := range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(after)*200*time.Microsecond)
		done := make(chan struct{})
		go func() {
			CheckSandbox(ctx)
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("interrupted after %d · 200 µs, it does not end", after)
		}
		cancel()
	}
}
