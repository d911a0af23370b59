// SPDX-License-Identifier: MIT

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// manyTests are run in one machine, to tell what each costs.
const manyTests = 200

// small is the smallest test that there is: its own time is that of starting and ending it.
const small = "int main(void) { return 0; }\n"

// spawns starts a program manyTests times as a shell would, and prints the milliseconds that each took.
const spawns = `#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct timespec a, b;
	pid_t pid;
	int i, n = %d;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < n; i++)
		if (posix_spawn(&pid, "/lab/small", NULL, NULL, argv + argc, NULL) || waitpid(pid, NULL, 0) < 0)
			return 1;
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("each %%f ms\n", ((b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6) / n);
	return 0;
}
`

// emptyGoTest is what go test -exec hands over.
const emptyGoTest = "package empty\n\nimport \"testing\"\n\nfunc TestNothing(t *testing.T) {}\n"

// BenchmarkPrograms compares warm runs of a module that does nothing: alone, with one small test, with very many, as
// kmodlab exec of an empty Go test, and as kmodlab shell of an empty command. They take turns with bare boots.
func BenchmarkPrograms(b *testing.B) {
	needs.VM(b)
	k := machine.Kernel(b, "")
	p := newPrograms(b)
	nothing(b, nil) // these build, and save the snapshots
	own := p.run(p.tests("spawns.c", 1, "--test", filepath.Join(p.dir, "small.c"))...)
	p.run(p.tests("small.c", 1)...)
	p.gotest()
	for b.Loop() {
		times := make(map[string][]time.Duration)
		for range warmRounds {
			for what, work := range map[string]func() time.Duration{
				"bare":  func() time.Duration { return bareBoot(b, k) },
				"plain": func() time.Duration { return nothing(b, nil) },
				"one":   func() time.Duration { return p.timed(p.tests("small.c", 1)...) },
				"exec":  func() time.Duration { return p.timed("exec", "--modules", p.module, "--", p.empty) },
				"go":    p.gotest,
				"shell": func() time.Duration { return p.timed("shell", p.module, "--", "true") },
			} {
				times[what] = append(times[what], work())
			}
		}
		for range 3 {
			times["many"] = append(times["many"], p.timed(p.tests("small.c", manyTests)...))
		}
		p.report(times, own)
	}
}

func (p *programs) report(times map[string][]time.Duration, own result.Result) {
	median := func(what string) float64 { return medianSeconds(times[what]) }
	fmt.Println()
	testlab.Row("bare boot", "%.2f s", median("bare"))
	testlab.Row("warm run without tests", "%.2f s", median("plain"))
	more := (median("one") - median("plain")) / median("bare")
	testlab.Row("the same with one small test", "%.2f s, %.2f of a bare boot more (goal: at most 0.15)", median("one"), more)
	p.b.ReportMetric(more, "boots-for-a-test")
	each := (median("many") - median("one")) / (manyTests - 1) * 1000
	alone := eachOf(p.b, own)
	testlab.Row(fmt.Sprintf("each of %d tests", manyTests), "%.1f ms, of which %.1f ms its own (goal: at most 30 ms above)",
		each, alone)
	p.b.ReportMetric(each-alone, "ms-for-each")
	for _, row := range []struct{ name, key string }{
		{"kmodlab exec of an empty Go test", "exec"}, {"go test -exec of the same", "go"},
		{"kmodlab shell DIR -- true", "shell"},
	} {
		ratio := median(row.key) / median("plain")
		testlab.Row(row.name, "%.2f s = %.2f × a warm run (goal: at most 1.5)", median(row.key), ratio)
		p.b.ReportMetric(ratio, "x-"+row.key)
	}
}

// programs are the files of the benchmark.
type programs struct {
	b                  *testing.B
	dir, module, gopkg string
	empty              string // the Go test, compiled
}

func newPrograms(b *testing.B) *programs {
	b.Helper()
	module, err := filepath.Abs("../vm/testdata/warm")
	if err != nil {
		b.Fatal(err)
	}
	p := &programs{b: b, dir: b.TempDir(), module: module}
	p.gopkg, p.empty = filepath.Join(p.dir, "empty"), filepath.Join(p.dir, "empty.test")
	for name, text := range map[string]string{
		"small.c": small, "spawns.c": fmt.Sprintf(spawns, manyTests),
		"empty/go.mod": "module empty\n\ngo 1.24\n", "empty/empty_test.go": emptyGoTest,
	} {
		path := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	compile := exec.Command("go", "test", "-c", "-o", p.empty, ".")
	compile.Dir = p.gopkg
	if out, err := compile.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return p
}

// tests are the arguments of a run with the same test n times.
func (p *programs) tests(source string, n int, more ...string) []string {
	args := append([]string{"run", p.module, "--accel", "tcg", "--for", "1ms"}, more...)
	return append(args, slices.Repeat([]string{"--test", filepath.Join(p.dir, source)}, n)...)
}

func (p *programs) command(args []string) {
	p.b.Helper()
	if out, err := exec.Command(testlab.Kmodlab(p.b), args...).CombinedOutput(); err != nil {
		p.b.Fatalf("%v\n%s", err, out)
	}
}

// run runs once and returns the result.
func (p *programs) run(args ...string) result.Result {
	p.b.Helper()
	out := filepath.Join(p.dir, "out.json")
	p.command(append(args, "--json", out))
	return *machine.ReadResult(p.b, out)
}

func (p *programs) timed(args ...string) time.Duration {
	p.b.Helper()
	start := time.Now()
	p.command(args)
	return time.Since(start)
}

// gotest is a whole go test -exec, and returns how long it took.
func (p *programs) gotest() time.Duration {
	p.b.Helper()
	cmd := exec.Command("go", "test", "-count=1", "-exec", testlab.Kmodlab(p.b)+" exec --modules "+p.module+" --", ".")
	cmd.Dir = p.gopkg
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil || !bytes.HasPrefix(out, []byte("ok ")) {
		p.b.Fatalf("%v\n%s", err, out)
	}
	return took
}

// eachOf is what spawns printed.
func eachOf(b *testing.B, res result.Result) float64 {
	b.Helper()
	for _, t := range res.Tests {
		text, is := strings.CutPrefix(strings.TrimSpace(t.Output), "each ")
		if ms, err := strconv.ParseFloat(strings.TrimSuffix(text, " ms"), 64); is && err == nil {
			return ms
		}
	}
	b.Fatalf("%+v", res.Tests)
	return 0
}
