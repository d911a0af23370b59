// SPDX-License-Identifier: MIT

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// warmRounds is odd, so that the median is one of the measured times.
const warmRounds = 7

// warmFigures is what docs/performance.json keeps, in milliseconds.
type warmFigures struct {
	Bare, Warm, Cold []float64
	Phases           map[string][]float64 // of the warm runs
	Pool             *poolFigures         `json:",omitempty"`
}

// BenchmarkWarm compares a whole run of a module that does nothing, from the command to its verdict, with a bare boot
// of the same kernel. One run is on a restored machine, one is on a machine that boots. All three take turns.
func BenchmarkWarm(b *testing.B) {
	needs.VM(b)
	k := machine.Kernel(b, "")
	f := warmFigures{Phases: make(map[string][]float64)}
	nothing(b, nil) // builds, and saves the snapshot
	for b.Loop() {
		var bare, warm, cold []time.Duration
		for range warmRounds {
			bare = append(bare, bareBoot(b, k))
			warm = append(warm, nothing(b, f.Phases))
			cold = append(cold, nothing(b, nil, "--cold"))
		}
		f.Bare, f.Warm, f.Cold = millis(bare), millis(warm), millis(cold)
		fmt.Println()
		testlab.Row("bare boot of the same kernel, busybox", "%.2f s", medianSeconds(bare))
		warmRatio := medianSeconds(warm) / medianSeconds(bare)
		coldRatio := medianSeconds(cold) / medianSeconds(bare)
		testlab.Row("warm run, command to verdict", "%.2f s = %.2f × bare boot (goal: at most 0.35)",
			medianSeconds(warm), warmRatio)
		testlab.Row("cold run of the same", "%.2f s = %.2f × bare boot (goal: at most 1.6)",
			medianSeconds(cold), coldRatio)
		b.ReportMetric(warmRatio, "x-bare-boot")
	}
	keepFigures(b, func(all *warmFigures) {
		f.Pool = all.Pool
		*all = f
	})
}

// keepFigures changes the figures in the file that KMODLAB_BENCH_JSON names. If it names none, nothing is kept.
func keepFigures(b *testing.B, change func(*warmFigures)) {
	b.Helper()
	path := os.Getenv("KMODLAB_BENCH_JSON")
	if path == "" {
		return
	}
	var all warmFigures
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Fatal(err)
	}
	change(&all)
	data, err = json.MarshalIndent(all, "", " ")
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

func millis(d []time.Duration) []float64 {
	var list []float64
	for _, v := range d {
		list = append(list, float64(v.Microseconds())/1000)
	}
	return list
}

// nothing runs the module that does nothing, and returns how long that takes.
func nothing(b *testing.B, phases map[string][]float64, more ...string) time.Duration {
	b.Helper()
	out := filepath.Join(b.TempDir(), "out.json")
	args := append([]string{"run", "../vm/testdata/warm", "--accel", "tcg", "--for", "1ms", "--json", out}, more...)
	start := time.Now()
	if said, err := exec.Command(testlab.Kmodlab(b), args...).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, said)
	}
	took := time.Since(start)
	res := machine.ReadResult(b, out)
	if res.Machine.Warm != (len(more) == 0) {
		b.Fatalf("%v: the machine is warm %t", more, res.Machine.Warm)
	}
	for _, p := range res.Phases {
		if phases != nil {
			phases[p.Name] = append(phases[p.Name], p.MS)
		}
	}
	return took
}
