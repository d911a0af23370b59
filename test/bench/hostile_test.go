// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// BenchmarkHostile measures what it costs to trust nobody: warm runs of a correct module with the witness and without,
// in turns, and beside the program of another commit, which KMODLAB_BENCH_BEFORE names.
func BenchmarkHostile(b *testing.B) {
	needs.VM(b)
	machine.Kernel(b, "")
	now, before := testlab.Kmodlab(b), os.Getenv("KMODLAB_BENCH_BEFORE")
	for _, program := range []string{now, before} { // builds, and saves the snapshots
		if program != "" {
			signals(b, program)
		}
	}
	for b.Loop() {
		var plain, seen, old []time.Duration
		for range 3 * testlab.Rounds { // the difference is small
			plain = append(plain, signals(b, now))
			seen = append(seen, signals(b, now, "--witness"))
			if before != "" {
				old = append(old, signals(b, before))
			}
		}
		fmt.Println()
		if before != "" {
			ratio := medianSeconds(plain) / medianSeconds(old)
			testlab.Row("warm run, beside the commit before", "%.2f s, %.2f s before = %.2f (goal: at most 1.03)",
				medianSeconds(plain), medianSeconds(old), ratio)
			b.ReportMetric(ratio, "x-before")
		}
		ratio := medianSeconds(seen) / medianSeconds(plain)
		testlab.Row("warm run with --witness", "%.2f s, %.2f s without = %.2f (goal: at most 1.10)",
			medianSeconds(seen), medianSeconds(plain), ratio)
		b.ReportMetric(ratio, "x-witness")
	}
}

// signals runs the modules of the demo, and returns how long that takes.
func signals(b *testing.B, program string, more ...string) time.Duration {
	b.Helper()
	out := filepath.Join(b.TempDir(), "out.json")
	args := append([]string{"run", "../../modules/signals", "--accel", "tcg", "--json", out}, more...)
	start := time.Now()
	if said, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, said)
	}
	took := time.Since(start)
	if res := machine.ReadResult(b, out); res.Verdict.Class != result.Pass {
		b.Fatalf("%+v", res.Verdict)
	}
	return took
}
