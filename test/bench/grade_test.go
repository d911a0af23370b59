// SPDX-License-Identifier: MIT

package bench

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

const (
	scenarios = 6
	gradeLab  = "testdata/six"
	checkLab  = "testdata/one"
	// checkRounds is how often a check and a run of the same sources take turns.
	checkRounds = 7
)

// classSize is how many submissions the class has, 30 if COUNT does not say.
func classSize(b *testing.B) int {
	b.Helper()
	text := os.Getenv("KMODLAB_BENCH_CLASS")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("COUNT is %q: say how many submissions", text)
	}
	return n
}

// BenchmarkGrade compares a class with six scenarios each, whose sources were built before, with bare boots, and grades
// it again from what its runs found out. It also compares lab check after an edit with run after an edit.
func BenchmarkGrade(b *testing.B) {
	needs.VM(b)
	k := machine.Kernel(b, "")
	n := classSize(b)
	in := class(b, n)
	grade(b, "grade", gradeLab, "-o", filepath.Join(b.TempDir(), "first"), in[0]) // builds, and saves the snapshot
	for b.Loop() {
		out := filepath.Join(b.TempDir(), "grades")
		var bare []time.Duration
		for range poolBoots {
			bare = append(bare, bareBoot(b, k))
		}
		took := grade(b, append([]string{"grade", gradeLab, "-j", "2", "-o", out}, in...)...)
		for range poolBoots {
			bare = append(bare, bareBoot(b, k))
		}
		again := grade(b, "grade", "again", gradeLab, "-o", out)
		ratio := took.Seconds() / float64(n*scenarios) / medianSeconds(bare)
		fmt.Println()
		testlab.Row("bare boot of the same kernel, busybox", "%.2f s", medianSeconds(bare))
		testlab.Row(fmt.Sprintf("grade -j 2, %d submissions with %d scenarios, built before", n, scenarios),
			"%.1f s = %d × %d × %.3f bare boots (goal: at most 0.12)", took.Seconds(), n, scenarios, ratio)
		testlab.Row("grade again", "%.2f s, %.1f s for 300 (goal: at most 20 s)", again.Seconds(),
			again.Seconds()*300/float64(n))
		check, run := checked(b)
		testlab.Row("lab check after an edit", "%.2f s = %.2f × kmodlab run after an edit, %.2f s (goal: at most 1.2)",
			check.Seconds(), check.Seconds()/run.Seconds(), run.Seconds())
		b.ReportMetric(ratio, "x-bare-boot")
		b.ReportMetric(check.Seconds()/run.Seconds(), "x-run")
	}
}

// class writes n right submissions.
func class(b *testing.B, n int) []string {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(gradeLab, "count.c"))
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	var list []string
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("student-%03d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "count.c"), withoutMarkers(text), 0o644); err != nil {
			b.Fatal(err)
		}
		list = append(list, dir)
	}
	return list
}

// withoutMarkers is a source as a student hands it in.
func withoutMarkers(text []byte) []byte {
	var own []byte
	for line := range bytes.Lines(text) {
		if t := strings.TrimSpace(string(line)); !strings.HasPrefix(t, "//>") && !strings.HasPrefix(t, "//<") {
			own = append(own, line...)
		}
	}
	return own
}

// grade runs kmodlab, all of whose submissions must have all points.
func grade(b *testing.B, args ...string) time.Duration {
	b.Helper()
	cmd := exec.Command(testlab.Kmodlab(b), args...)
	start := time.Now()
	said, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil || bytes.Count(said, []byte(" 7 of 7\n")) != bytes.Count(said, []byte(" of 7")) {
		b.Fatalf("%v\n%s", err, said)
	}
	return took
}

// checked returns the medians of lab check and of run, each after an edit, which take turns.
func checked(b *testing.B) (check, run time.Duration) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "work")
	if said, err := exec.Command(testlab.Kmodlab(b), "lab", "start", checkLab, dir).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, said)
	}
	source, err := os.ReadFile(filepath.Join(checkLab, "count.c"))
	if err != nil {
		b.Fatal(err)
	}
	edits := 0
	edited := func(args ...string) time.Duration {
		edits++
		text := fmt.Appendf(withoutMarkers(source), "/* edit %d of %d */\n", edits, os.Getpid())
		if err := os.WriteFile(filepath.Join(dir, "count.c"), text, fs.FileMode(0o644)); err != nil {
			b.Fatal(err)
		}
		cmd := exec.Command(testlab.Kmodlab(b), args...)
		start := time.Now()
		said, err := cmd.CombinedOutput()
		took := time.Since(start)
		if err != nil {
			b.Fatalf("%q: %v\n%s", args, err, said)
		}
		return took
	}
	var checks, runs []time.Duration
	for range checkRounds {
		checks = append(checks, edited("lab", "check", dir))
		runs = append(runs, edited("run", dir, "--params", "count.count=1", "--for", "1ms"))
	}
	return testlab.Median(checks), testlab.Median(runs)
}
