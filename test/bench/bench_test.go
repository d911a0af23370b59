// SPDX-License-Identifier: MIT

package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/vm/cpio"
	"github.com/kmodlab/kmodlab/result"
)

// bareBoot measures the yardstick: the same kernel boots busybox and powers off.
func bareBoot(b *testing.B, k *kernel.Kernel) time.Duration {
	b.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		b.Fatal("no busybox: scripts/setup.sh bench installs it")
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		b.Fatal(err)
	}
	var initramfs bytes.Buffer
	w := cpio.NewWriter(&initramfs)
	w.Device("dev/console", 0o600, 5, 1)
	w.File("bin/busybox", 0o755, program)
	w.File("init", 0o755, []byte("#!/bin/busybox sh\necho up\nexec /bin/busybox reboot -f\n"))
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 3*time.Minute)
	defer cancel()
	start := time.Now()
	m, err := vm.Start(ctx, vm.Config{Kernel: k.Image, InitrdData: initramfs.Bytes(), Accel: vm.TCG})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Stop(0)
	exit, err := m.Wait(ctx)
	if err != nil || exit.Reason != vm.PowerOff {
		b.Fatalf("bare boot: %+v, %v", exit, err)
	}
	return time.Since(start)
}

// coldRun measures a whole `kmodlab run` with a cached build. The second figure leaves out module time: the phases
// load, run and unload.
func coldRun(b *testing.B) (total, own time.Duration, rssMiB int64) {
	b.Helper()
	out := filepath.Join(b.TempDir(), "out.json")
	cmd := exec.Command(testlab.Kmodlab(b), "run", "../../modules/signals",
		"--cold", "--accel", "tcg", "--for", "100ms", "--json", out)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v\n%s", err, said.Bytes())
	}
	total = time.Since(start)
	var modules float64
	for _, p := range machine.ReadResult(b, out).Phases {
		switch p.Name {
		case "load", "run", "unload":
			modules += p.MS
		}
	}
	return total, total - time.Duration(modules*float64(time.Millisecond)), maxChildRSS(cmd)
}

func BenchmarkColdRun(b *testing.B) {
	needs.VM(b)
	k := machine.Kernel(b, "")
	coldRun(b) // builds, and reads the kernel's symbols once
	for b.Loop() {
		var bare, own, total []time.Duration
		var rss int64
		for range testlab.Rounds {
			bare = append(bare, bareBoot(b, k))
			t, o, r := coldRun(b)
			total, own, rss = append(total, t), append(own, o), max(rss, r)
		}
		ratio := float64(testlab.Median(own)) / float64(testlab.Median(bare))
		b.ReportMetric(ratio, "x-bare-boot")
		fmt.Println()
		testlab.Row("bare boot of the same kernel, busybox", "%.2f s", medianSeconds(bare))
		testlab.Row("cold run, cached build, whole command", "%.2f s", medianSeconds(total))
		testlab.Row("cold run without module time", "%.2f s = %.2f × bare boot (goal: at most 3)", medianSeconds(own), ratio)
		testlab.Row("host memory of a run", "%d MiB (goal: at most 400)", rss)
	}
}

func BenchmarkBuild(b *testing.B) {
	needs.VM(b)
	machine.Kernel(b, "")
	for b.Loop() {
		machines := b.TempDir()
		buildTime(b, kmodlab.BuildVM, machines) // saves the snapshot
		var sandbox, cold, warm []time.Duration
		for range 3 {
			sandbox = append(sandbox, buildTime(b, kmodlab.BuildSandbox, machines))
			cold = append(cold, buildTime(b, kmodlab.BuildVM, ""))
			warm = append(warm, buildTime(b, kmodlab.BuildVM, machines))
		}
		x := medianSeconds(cold) / medianSeconds(sandbox)
		b.ReportMetric(x, "x-sandbox")
		fmt.Println()
		testlab.Row("build of the pair in the sandbox", "%.1f s (goal: at most 3)", medianSeconds(sandbox))
		testlab.Row("build of the pair in the VM, TCG, cold", "%.1f s (goal: at most 35) = %.0f × the sandbox",
			medianSeconds(cold), x)
		testlab.Row("the same, from a saved machine", "%.1f s = %.2f × cold (goal: at most 0.6)",
			medianSeconds(warm), medianSeconds(warm)/medianSeconds(cold))
	}
}

// medianSeconds returns the median in seconds.
func medianSeconds(d []time.Duration) float64 { return testlab.Median(d).Seconds() }

// buildTime returns the time of the build phase, of a run whose cache holds no build but the probe's. The run keeps its
// snapshots in machines, or boots cold if machines is "".
func buildTime(b *testing.B, where kmodlab.Build, machines string) time.Duration {
	b.Helper()
	cache := b.TempDir()
	if err := os.Symlink(filepath.Join(machine.CacheDir(b), "kernels"), filepath.Join(cache, "kernels")); err != nil {
		b.Fatal(err)
	}
	spec := kmodlab.Spec{
		Dir:     "../../modules/signals",
		Build:   where,
		For:     100 * time.Millisecond,
		Machine: kmodlab.Machine{Accel: kmodlab.TCG},
		Tools:   kmodlab.Tools{Agent: testlab.Agent(b), CacheDir: cache},
	}
	if spec.Cold = machines == ""; !spec.Cold {
		if err := os.Symlink(machines, filepath.Join(cache, prepare.MachineDir)); err != nil {
			b.Fatal(err)
		}
	}
	res, err := kmodlab.Run(b.Context(), spec)
	if err != nil || res.Verdict.Class != result.Pass {
		b.Fatalf("%v, %+v", err, res)
	}
	for _, p := range res.Phases {
		if p.Name == "build" {
			return time.Duration(p.MS * float64(time.Millisecond))
		}
	}
	b.Fatal("no build phase")
	return 0
}

func BenchmarkSize(b *testing.B) {
	for b.Loop() {
		st, err := os.Stat(testlab.Kmodlab(b))
		if err != nil {
			b.Fatal(err)
		}
		mb := float64(st.Size()) / 1e6
		b.ReportMetric(mb, "MB")
		fmt.Println()
		testlab.Row("the binary, static", "%.1f MB (goal: at most 14)", mb)
	}
}

// maxChildRSS returns the peak memory of the command or of its largest child, QEMU, in MiB.
func maxChildRSS(cmd *exec.Cmd) int64 {
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss >> 10
}
