// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// TestTracerRefused boots a kernel that nobody may trace. One line of error says why, and what to do. Some programs
// would still attach to such a kernel, and see next to nothing.
func TestTracerRefused(t *testing.T) {
	needs.VM(t)
	err := startTracer(t, "lockdown=confidentiality")
	if err == nil {
		t.Fatal("the tracer started")
	}
	for _, want := range []string{"the kernel refuses BPF", "locked down", "lockdown=integrity"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error is longer than a line: %q", err)
	}
}

// startTracer boots the default kernel with one more word on its command line, and starts the tracer.
func startTracer(t *testing.T, word string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	k := machine.Kernel(t, "")
	g, err := boot.Start(ctx, boot.Options{
		Kernel:    k,
		Agent:     testlab.Agent(t),
		Accel:     vm.TCG,
		MemoryMiB: 512,
		Append:    []string{word},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var state wire.TraceResult
	return g.Call(ctx, wire.OpTraceStart, wire.TraceArgs{}, &state)
}
