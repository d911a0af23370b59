// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
)

// kmodRow is one thing that kmod's commands and ours do, measured in turn on a
// tree whose files are in the page cache.
type kmodRow struct {
	what string
	goal float64 // of our time to kmod's
	runs int     // of one measurement, for what is short
	// command is what to measure, for the tree of k below root, indexed by the tool.
	command func(tool kmodTool, k *kernel.Kernel, root string) *exec.Cmd
}

// kmodTrees are the trees to measure on: plain modules, and packed ones.
var kmodTrees = []string{"debian:bookworm/generic", newKmodTree}

var kmodRows = []kmodRow{
	{"depmod", 1.0, 1, func(tool kmodTool, k *kernel.Kernel, root string) *exec.Cmd {
		return tool.command("depmod", "-b", root, k.Release)
	}},
}

// BenchmarkKmod compares our commands' times with those of each kmod.
func BenchmarkKmod(b *testing.B) {
	kmods := []kmodTool{hostKmod(b), treeKmod(b, getKernel(b, newKmodTree))}
	for b.Loop() {
		for _, name := range kmodTrees {
			k := getKernel(b, name)
			root, dir := moduleTree(b, k)
			if out, err := ourTool().command("depmod", "-b", root, k.Release).CombinedOutput(); err != nil { // reads every file once
				b.Fatalf("depmod %s: %v\n%s", dir, err, out)
			}
			fmt.Printf("\n%s, median of %d rounds, elapsed (processor time)\n", k.Release, rounds)
			for _, r := range kmodRows {
				for _, theirs := range kmods {
					r.compare(b, theirs, k, root)
				}
			}
		}
	}
}

// compare prints one line of the table.
func (r kmodRow) compare(b *testing.B, theirs kmodTool, k *kernel.Kernel, root string) {
	b.Helper()
	var our, their measured
	for range rounds {
		their.add(r.measure(b, theirs, k, root))
		our.add(r.measure(b, ourTool(), k, root))
	}
	ratio := float64(median(our.elapsed)) / float64(median(their.elapsed))
	row(r.what+", kmodlab to "+theirs.what, "%s : %s, ratio %.2f (goal: at most %.1f)", our, their, ratio, r.goal)
	b.ReportMetric(ratio, fmt.Sprintf("x-kmod%d-%s-%s", theirs.version, r.what, k.Release))
}

// measured are the rounds of one side.
type measured struct{ elapsed, busy []time.Duration }

func (m *measured) add(elapsed, busy time.Duration) {
	m.elapsed, m.busy = append(m.elapsed, elapsed), append(m.busy, busy)
}

func (m measured) String() string {
	return fmt.Sprintf("%.1f ms (%.1f)", ms(median(m.elapsed)), ms(median(m.busy)))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measure runs the command as often as the row says.
func (r kmodRow) measure(b *testing.B, tool kmodTool, k *kernel.Kernel, root string) (elapsed, busy time.Duration) {
	b.Helper()
	for range r.runs {
		cmd := r.command(tool, k, root)
		var said bytes.Buffer
		cmd.Stderr = &said
		start := time.Now()
		err := cmd.Run()
		elapsed += time.Since(start)
		if err != nil {
			b.Fatalf("%s: %v: %v\n%s", tool.what, cmd.Args, err, said.Bytes())
		}
		busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return elapsed / time.Duration(r.runs), busy / time.Duration(r.runs)
}
