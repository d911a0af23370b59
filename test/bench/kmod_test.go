// SPDX-License-Identifier: MIT

package bench

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
)

// kmodRow is one job that both kmod's command and ours do. The two are measured in turn, on a tree whose files are in
// the page cache.
type kmodRow struct {
	what string
	goal float64 // the most that our time divided by kmod's should be
	runs int     // in one measurement; more than one for a short command
	// command returns what to measure: tool's command, on the tree of k below root, which is indexed.
	command func(tool machine.KmodTool, k *kernel.Kernel, root string) *exec.Cmd
}

// kmodTrees are the trees to measure on: one of plain modules, one of compressed modules.
var kmodTrees = []string{"debian:bookworm/generic", machine.NewKmodTree}

var kmodRows = []kmodRow{
	{"depmod", 1.0, 1, func(tool machine.KmodTool, k *kernel.Kernel, root string) *exec.Cmd {
		return tool.Command("depmod", "-b", root, k.Release)
	}},
}

// BenchmarkKmod compares our commands' times with those of each kmod.
func BenchmarkKmod(b *testing.B) {
	kmods := []machine.KmodTool{machine.HostKmod(b), machine.TreeKmod(b, machine.Kernel(b, machine.NewKmodTree))}
	for b.Loop() {
		for _, name := range kmodTrees {
			k := machine.Kernel(b, name)
			root, dir := machine.ModuleTree(b, k)
			depmod := machine.OurKmod(b).Command("depmod", "-b", root, k.Release)
			if out, err := depmod.CombinedOutput(); err != nil { // reads every file once
				b.Fatalf("depmod %s: %v\n%s", dir, err, out)
			}
			fmt.Printf("\n%s, median of %d rounds, elapsed (processor time)\n", k.Release, testlab.Rounds)
			for _, r := range kmodRows {
				for _, theirs := range kmods {
					r.compare(b, theirs, k, root)
				}
			}
		}
	}
}

// compare prints one line of the table.
func (r kmodRow) compare(b *testing.B, theirs machine.KmodTool, k *kernel.Kernel, root string) {
	b.Helper()
	var our, their measured
	for range testlab.Rounds {
		their.add(r.measure(b, theirs, k, root))
		our.add(r.measure(b, machine.OurKmod(b), k, root))
	}
	ratio := float64(testlab.Median(our.elapsed)) / float64(testlab.Median(their.elapsed))
	testlab.Row(r.what+", kmodlab to "+theirs.What, "%s : %s, ratio %.2f (goal: at most %.1f)", our, their, ratio, r.goal)
	b.ReportMetric(ratio, fmt.Sprintf("x-kmod%d-%s-%s", theirs.Version, r.what, k.Release))
}

// measured holds the rounds of one side.
type measured struct{ elapsed, busy []time.Duration }

func (m *measured) add(elapsed, busy time.Duration) {
	m.elapsed, m.busy = append(m.elapsed, elapsed), append(m.busy, busy)
}

func (m measured) String() string {
	return fmt.Sprintf("%.1f ms (%.1f)", ms(testlab.Median(m.elapsed)), ms(testlab.Median(m.busy)))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measure runs the command as often as the row says, and returns the mean elapsed and processor time of one run.
func (r kmodRow) measure(
	b *testing.B, tool machine.KmodTool, k *kernel.Kernel, root string,
) (elapsed, busy time.Duration) {
	b.Helper()
	for range r.runs {
		cmd := r.command(tool, k, root)
		var said bytes.Buffer
		cmd.Stderr = &said
		start := time.Now()
		err := cmd.Run()
		elapsed += time.Since(start)
		if err != nil {
			b.Fatalf("%s: %v: %v\n%s", tool.What, cmd.Args, err, said.Bytes())
		}
		busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return elapsed / time.Duration(r.runs), busy / time.Duration(r.runs)
}
