// SPDX-License-Identifier: MIT

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// BenchmarkPool runs poolModules modules, between poolBoots bare boots before and as many after.
const (
	poolModules = 100
	poolBoots   = 3
)

// poolFigures is what docs/performance.json keeps of BenchmarkPool, in milliseconds and KiB.
type poolFigures struct {
	Bare, BareWork    []float64 // elapsed time, and processor time
	Pool, PoolWork    float64   // of all modules together
	EightPSS          int64
	DemoBare, DemoSay []float64
}

// BenchmarkPool compares `run -j 2` of a hundred small modules with a hundred bare boots. It also measures the memory
// of eight runs at once.
func BenchmarkPool(b *testing.B) {
	needs.VM(b)
	k := machine.Kernel(b, "")
	dirs := smallModules(b)
	poolRun(b, dirs) // builds, and saves the snapshot
	var f poolFigures
	for b.Loop() {
		var bare, bareWork []time.Duration
		boots := func() {
			for range poolBoots {
				before := childrenWork(b)
				bare = append(bare, bareBoot(b, k))
				bareWork = append(bareWork, childrenWork(b)-before)
			}
		}
		boots()
		wall, work := poolRun(b, dirs)
		boots()
		ratio := wall.Seconds() / poolModules / medianSeconds(bare)
		f.Bare, f.BareWork = millis(bare), millis(bareWork)
		f.Pool, f.PoolWork = millis([]time.Duration{wall})[0], millis([]time.Duration{work})[0]
		fmt.Println()
		testlab.Row("bare boot of the same kernel, busybox", "%.2f s, %.2f s of a processor",
			medianSeconds(bare), medianSeconds(bareWork))
		testlab.Row(fmt.Sprintf("%d small modules, run -j 2, cached builds", poolModules),
			"%.1f s = %d × %.3f bare boots (goal: at most 0.15)", wall.Seconds(), poolModules, ratio)
		testlab.Row("one of them", "%.2f s of a processor = %.2f × bare boot",
			work.Seconds()/poolModules, work.Seconds()/poolModules/medianSeconds(bareWork))
		f.EightPSS = eightAtOnce(b, dirs[:8])
		testlab.Row("memory of 8 runs at once, shared pages once", "%d MiB = 8 × %d (goal: at most 8 × 200)",
			f.EightPSS>>10, f.EightPSS>>13)
		f.DemoBare, f.DemoSay = firstOfDemo(b, k)
		b.ReportMetric(ratio, "x-bare-boot")
	}
	peers(b, k)
	keepFigures(b, func(all *warmFigures) { all.Pool = &f })
}

// smallModules makes poolModules folders with one module each.
func smallModules(b *testing.B) []string {
	b.Helper()
	source, err := os.ReadFile("../vm/testdata/warm/nothing.c")
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	var dirs []string
	for i := range poolModules {
		name := fmt.Sprintf("small%02d", i)
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		files := map[string][]byte{
			"Kbuild":    []byte("obj-m := " + name + ".o\n"),
			name + ".c": bytes.ReplaceAll(source, []byte("nothing"), []byte(name)),
		}
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
				b.Fatal(err)
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// poolRun runs all modules, two at a time. All must pass.
func poolRun(b *testing.B, dirs []string) (wall, processor time.Duration) {
	b.Helper()
	args := append([]string{"run", "-j", "2", "--accel", "tcg", "--for", "1ms"}, dirs...)
	cmd := exec.Command(testlab.Kmodlab(b), args...)
	start := time.Now()
	said, err := cmd.CombinedOutput()
	wall = time.Since(start)
	want := fmt.Sprintf("\n%d runs: %d pass\n", len(dirs), len(dirs))
	if err != nil || !bytes.HasSuffix(said, []byte(want)) {
		b.Fatalf("%v\n%s", err, said)
	}
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// childrenWork returns the processor time of our children that have ended.
func childrenWork(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// eightAtOnce returns the peak memory of eight runs and their program together, in KiB. Each process counts its share
// of a shared page, so the page counts once.
func eightAtOnce(b *testing.B, dirs []string) int64 {
	b.Helper()
	args := append([]string{"run", "-j", "8", "--accel", "tcg", "--for", "20s"}, dirs...)
	cmd := exec.Command(testlab.Kmodlab(b), args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var largest int64
	most := 0
	for {
		select {
		case err := <-ended:
			if err != nil || most < len(dirs) {
				b.Fatalf("%v, %d machines at once\n%s", err, most, said.Bytes())
			}
			return largest
		case <-time.After(250 * time.Millisecond):
			machines := testlab.Children(cmd.Process.Pid)
			most = max(most, len(machines))
			sum := pss(cmd.Process.Pid)
			for _, m := range machines {
				sum += pss(m.PID)
			}
			largest = max(largest, sum)
		}
	}
}

// pss returns a process's proportional set size in KiB, or 0 if the process has ended.
func pss(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib
		}
	}
	return 0
}

// firstOfDemo measures the time from the command demo to the beginning of its story, with a restored machine and a
// cached build. The commands that the story describes run before it begins, so their time counts.
func firstOfDemo(b *testing.B, k *kernel.Kernel) (bare, say []float64) {
	b.Helper()
	var boots, first, story []time.Duration
	for i := range 4 {
		start := time.Now()
		cmd := exec.Command(testlab.Kmodlab(b), "demo", "--accel", "tcg")
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		var byteAt, storyAt time.Duration
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if byteAt == 0 {
				byteAt = time.Since(start)
			}
			if strings.HasPrefix(lines.Text(), "The story") {
				storyAt = time.Since(start)
			}
		}
		if err := cmd.Wait(); err != nil || storyAt == 0 {
			b.Fatalf("the demo told no story: %v", err)
		}
		if i > 0 { // the first run builds
			first, story = append(first, byteAt), append(story, storyAt)
			boots = append(boots, bareBoot(b, k))
		}
	}
	boot := medianSeconds(boots)
	testlab.Row("first byte of the demo, warm", "%.2f s = %.2f × bare boot",
		medianSeconds(first), medianSeconds(first)/boot)
	testlab.Row("first byte of its story, warm", "%.2f s = %.2f × bare boot",
		medianSeconds(story), medianSeconds(story)/boot)
	return millis(boots), millis(story)
}

// peers measures other programs that boot a kernel for one command, if they are installed.
func peers(b *testing.B, k *kernel.Kernel) {
	for _, argv := range [][]string{
		{"vng", "--disable-kvm", "--run", k.Image, "--", "true"},
		{"vimto", "-kernel", k.Image, "exec", "--", "true"},
	} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			continue
		}
		start := time.Now()
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			testlab.Row(argv[0], "does not boot this kernel: %v: %.200s", err, bytes.TrimSpace(out))
			continue
		}
		testlab.Row(argv[0]+", the same kernel, true", "%.2f s", time.Since(start).Seconds())
	}
}
