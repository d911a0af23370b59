// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// BenchmarkLeaks runs clean modules with and without the search for what they left,
// in turn: one that takes nothing, and one that takes memory and gives it back.
func BenchmarkLeaks(b *testing.B) {
	needs.VM(b)
	machine.Kernel(b, "")
	for b.Loop() {
		fmt.Println()
		for _, m := range []struct{ what, dir, load string }{
			{"a module that allocates nothing", "../../modules/faults/no_should_stop", "no_should_stop_fixed"},
			{"a module that allocates and frees", "../../modules/faults/kmalloc_leak", "kmalloc_leak_fixed"},
		} {
			with, without := leakRuns(b, kmodlab.Spec{
				Dir: m.dir, Load: []string{m.load},
				Machine: kmodlab.Machine{Accel: kmodlab.TCG}, Tools: kmodlab.Tools{Agent: testlab.Agent(b)},
			})
			ratio := float64(with) / float64(without)
			b.ReportMetric(ratio, "x-"+m.load)
			testlab.Row(m.what, "%.2f s with the search, %.2f s without = %.2f (goal: at most 1.10)", with.Seconds(), without.Seconds(), ratio)
		}
	}
}

// leakRuns gives the medians of whole runs.
func leakRuns(b *testing.B, spec kmodlab.Spec) (with, without time.Duration) {
	b.Helper()
	timed := func(spec kmodlab.Spec) time.Duration {
		start := time.Now()
		res, err := kmodlab.Run(b.Context(), spec)
		if err != nil || res.Verdict.Class != result.Pass {
			b.Fatalf("%v, %+v", err, res)
		}
		return time.Since(start)
	}
	timed(spec) // builds
	var w, wo []time.Duration
	for range 3 * testlab.Rounds { // the difference is small
		spec.NoLeaks = false
		w = append(w, timed(spec))
		spec.NoLeaks = true
		wo = append(wo, timed(spec))
	}
	return testlab.Median(w), testlab.Median(wo)
}
