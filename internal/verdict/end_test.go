// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// TestExplainEnd: where the CPUs of a guest that ended by itself were, and what to look
// for there.
func TestExplainEnd(t *testing.T) {
	k, err := symbols.ReadRunning(strings.NewReader("ffffffff81000000 T _stext\nffffffff81001000 T acpi_reboot\n" +
		"ffffffff81002000 T default_idle\nffffffffc0257000 t crash_init\t[crasher]\n"))
	if err != nil {
		t.Fatal(err)
	}
	const idle, reboot, ours, unnamed = 0xffffffff81002010, 0xffffffff81001010, 0xffffffffc0257010, 0xffffffffb0000010
	for name, tt := range map[string]struct {
		at      []uint64
		message string
		hint    string // a part of it
	}{
		"nothing known": {nil, "gone", ""},
		"all idle":      {[]uint64{idle, idle}, "gone", "most likely a triple fault"},
		"on request": {
			[]uint64{idle, reboot}, "gone, as its own code requested: a CPU was in acpi_reboot+0x10", "kernel_restart()",
		},
		"in a module": {[]uint64{reboot, ours}, "gone: a CPU was in crash_init+0x10 [crasher]", "triple fault"},
		"in code with no name": {
			[]uint64{unnamed}, "gone: a CPU was in a module's code, at 0xffffffffb0000010", "triple fault",
		},
	} {
		e := &evidence.Evidence{Studied: []string{"crasher"}, EndedAt: tt.at, Trace: evidence.Trace{Kernel: k}}
		lost := &evidence.Failure{Kind: evidence.Lost, Message: "gone"}
		newMaker(e).explainEnd(lost)
		if lost.Message != tt.message || !strings.Contains(lost.Hint, tt.hint) {
			t.Errorf("%s: %q, hint %q; want %q, …%s…", name, lost.Message, lost.Hint, tt.message, tt.hint)
		}
	}
}
