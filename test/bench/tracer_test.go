// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// tracerRounds is how often each side is measured, in turn, so that all see the
// same machine. The median counts.
const tracerRounds = 3

// work is something that modules/bench does many times.
type work struct {
	name  string // as modules/bench/load.c has it
	count int
	what  string
}

var (
	requests = work{"requests", 500, "request_module of an absent module"}
	threads  = work{"threads", 20_000, "kernel thread started and stopped"}
	kills    = work{"kills", 200_000, "kill() of a blocked signal"}
)

// bpftrace's buffer has 64 pages for each processor unless it is told
// otherwise, and a record that finds no room costs little. What it costs is
// measured with a buffer that holds a turn's records, so that it pays for what
// it shows; what it loses is measured with its own.
const (
	ownPages   = 64
	roomyPages = 32768
)

// BenchmarkTracer measures what the tracer and bpftrace add to work that makes
// many events, and what each loses. Both run in one VM, in turn.
func BenchmarkTracer(b *testing.B) {
	m := bootTracerBench(b)
	for b.Loop() {
		var plain, ours, theirs []turn
		m.plain(requests) // under TCG what runs first is translated first
		for range tracerRounds {
			plain = append(plain, m.plain(requests, threads, kills))
			ours = append(ours, m.traced(requests, threads, kills))
			theirs = append(theirs, m.bpftraced(roomyPages, requests, threads, kills))
		}
		fmt.Printf("\n%s, %s, %d processors, median of %d rounds\n", m.Hello.Release, m.accel(), m.Hello.CPUs, tracerRounds)
		for _, w := range []work{kills, threads, requests} {
			m.compare(w, plain, ours, theirs)
		}
		testlab.Row("records lost in those rounds", "%d by kmodlab, %d by bpftrace with %d MiB for each processor",
			lost(ours), lost(theirs), roomyPages>>8)
		m.burst(m.traced(kills), m.bpftraced(ownPages, kills))
	}
}

// accel is how the machine runs, and what that makes of the figures.
func (m *tracerBench) accel() string {
	accel, _ := m.Machine.Accel()
	if accel == vm.TCG {
		return "emulated (only the ratios say something of real machines)"
	}
	return string(accel)
}

// compare prints what tracing adds to each of w, by the guest's clock from the
// first to the last, and as the time of the whole machine's processors until all
// records were dealt with. The ratio of the first is what this bench is for.
func (m *tracerBench) compare(w work, plain, ours, theirs []turn) {
	fmt.Printf("%d × %s\n", w.count, w.what)
	measures := []struct {
		what string
		of   func(cost) time.Duration
	}{
		{"elapsed", func(c cost) time.Duration { return c.elapsed }},
		{"processor time, tracers' included", func(c cost) time.Duration { return c.busy }},
	}
	for _, measure := range measures {
		each := func(rounds []turn) float64 {
			var all []time.Duration
			for _, r := range rounds {
				all = append(all, measure.of(r.costs[w.name]))
			}
			return float64(testlab.Median(all).Nanoseconds()) / 1000 / float64(w.count)
		}
		base := each(plain)
		us, them := each(ours)-base, each(theirs)-base
		if us <= 0 || them <= 0 {
			testlab.Row("  "+measure.what, "%.2f µs; kmodlab adds %.2f, bpftrace %.2f: lost in the noise of this machine", base, us, them)
			continue
		}
		testlab.Row("  "+measure.what, "%.2f µs; kmodlab adds %.2f, bpftrace %.2f: ratio %.2f (goal: at most 0.5)", base, us, them, us/them)
		if measure.what == "elapsed" {
			m.ReportMetric(us/them, "x-bpftrace-"+w.name)
		}
	}
}

// burst prints what came through of signals that were sent as fast as the
// machine can, with each tracer's own buffers.
func (m *tracerBench) burst(ours, theirs turn) {
	fmt.Printf("burst of %d signals, each tracer's own buffers\n", kills.count)
	testlab.Row("  kmodlab", "%d seen + %d lost (goal: nothing lost)", ours.seen, ours.lostSent)
	testlab.Row("  bpftrace", "%d seen, says it lost %d records", theirs.seen, theirs.lost)
	m.ReportMetric(float64(ours.lostSent), "lost-signals")
	if ours.seen+ours.lostSent != kills.count {
		m.Errorf("%d signals sent, but %d seen and %d counted as lost: %d are missing",
			kills.count, ours.seen, ours.lostSent, kills.count-ours.seen-ours.lostSent)
	}
}

// cost is what one work took.
type cost struct {
	elapsed time.Duration // by the guest's clock
	busy    time.Duration // of QEMU, on the host, until the guest was idle again
}

// turn is one side's turn.
type turn struct {
	costs    map[string]cost
	seen     int // records of the signals sent
	lostSent int // ours only: records of that kind that were lost
	lost     int // records of all kinds that were lost
}

func lost(rounds []turn) (n int) {
	for _, r := range rounds {
		n += r.lost
	}
	return n
}

// tracerBench is a VM whose root is the toolchain image with bpftrace in it,
// the module of modules/bench loaded, and its program at /lab/load.
type tracerBench struct {
	*testing.B
	*boot.Guest
}

// bootTracerBench boots debian:bookworm, or KMODLAB_BENCH_KERNEL.
func bootTracerBench(b *testing.B) *tracerBench {
	b.Helper()
	name := os.Getenv("KMODLAB_BENCH_KERNEL")
	if name == "" {
		name = "debian:bookworm"
	}
	k := machine.Kernel(b, name+",bpftrace,mount")
	g := machine.Start(b, boot.Options{
		Kernel: k, MemoryMiB: 1536, StateDir: machine.CacheDir(b), Log: func(line string) { b.Log(line) },
		Files: []boot.File{
			{Name: "/lab/kmodlab_bench.ko", Mode: 0o644, Host: machine.Build(b, k, "../../modules/bench")["kmodlab_bench"]},
			{Name: "/lab/load.c", Mode: 0o644, Host: "../../modules/bench/load.c"},
			{Name: "/lab/fields.bt", Mode: 0o644, Host: "../../modules/bench/fields.bt"},
		},
	})
	m := &tracerBench{b, g}
	m.furnish()
	return m
}

func (m *tracerBench) furnish() {
	m.Helper()
	m.run(nil, "/usr/bin/gcc", "-O2", "-Wall", "-static", "-o", "/lab/load", "/lab/load.c")
	m.run(nil, "/usr/sbin/insmod", "/lab/kmodlab_bench.ko")
	// kmod's own work for one request is some hundred times what a tracer adds.
	m.run(nil, "/bin/sh", "-c", "echo /lab/load >/proc/sys/kernel/modprobe")
}

// run is a command in the machine; anything but success ends the benchmark. It
// returns what was printed, and gives it line by line to each, if any, as it comes.
func (m *tracerBench) run(each func(line string), argv ...string) string {
	m.Helper()
	const limit = 15 * time.Minute
	ctx, cancel := context.WithTimeout(m.Context(), limit+time.Minute)
	defer cancel()
	var out strings.Builder
	told := 0
	var ended wire.ExecResult
	args := wire.ExecArgs{
		Argv: argv, Dir: "/lab", TimeoutMS: limit.Milliseconds(),
		Env: []string{"PATH=/usr/sbin:/usr/bin", "HOME=/root", "LC_ALL=C.UTF-8"},
	}
	_, err := m.Stream(ctx, wire.OpExec, args, nil, &ended, func(b []byte) {
		out.Write(b)
		for each != nil {
			line, _, whole := strings.Cut(out.String()[told:], "\n")
			if !whole {
				return
			}
			told += len(line) + 1
			each(line)
		}
	})
	if err != nil || ended.Exit != 0 {
		m.Fatalf("%s: exit status %d, %v\n%s", strings.Join(argv, " "), ended.Exit, err, out.String())
	}
	return out.String()
}

// work runs the load behind the words of before, and measures it.
func (m *tracerBench) work(list []work, argv ...string) map[string]cost {
	m.Helper()
	costs := make(map[string]cost)
	var begun time.Duration
	m.run(func(line string) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "begin":
			begun = m.busy()
		case len(f) == 2 && f[0] == "idle":
			costs[f[1]] = cost{costs[f[1]].elapsed, m.busy() - begun}
		case len(f) == 3:
			if ns, err := strconv.ParseInt(f[2], 10, 64); err == nil {
				costs[f[0]] = cost{elapsed: time.Duration(ns)}
			}
		}
	}, argv...)
	for _, w := range list {
		if c := costs[w.name]; c.elapsed <= 0 || c.busy <= 0 {
			m.Fatalf("%s: no figures of %s", strings.Join(argv, " "), w.name)
		}
	}
	m.Logf("%s: %v", argv[0], costs)
	return costs
}

// busy is the processor time that QEMU has used so far.
func (m *tracerBench) busy() time.Duration {
	m.Helper()
	worked, err := testlab.Process{PID: m.Machine.PID()}.Worked()
	if err != nil {
		m.Error(err)
	}
	return worked
}

// loadWords are the load's command line.
func loadWords(list []work) []string {
	words := []string{"/lab/load"}
	for _, w := range list {
		words = append(words, w.name, strconv.Itoa(w.count))
	}
	return words
}

func (m *tracerBench) plain(list ...work) turn {
	m.Helper()
	return turn{costs: m.work(list, loadWords(list)...)}
}

// traced runs under our tracer, driven as `kmodlab run` does.
func (m *tracerBench) traced(list ...work) turn {
	m.Helper()
	var r turn
	events, state := machine.Traced(m, m.Guest, wire.TraceArgs{}, func() {
		r.costs = m.work(list, loadWords(list)...)
	})
	for _, e := range events {
		if e.Kind == event.SignalSent && e.By.Comm == "load" && e.Arg == uint32(syscall.SIGUSR1) {
			r.seen++
		}
	}
	for kind, n := range state.Lost {
		r.lost += int(n)
		if kind == event.SignalSent.String() {
			r.lostSent = int(n)
		}
	}
	m.Logf("kmodlab: %d records, lost %v", len(events), state.Lost)
	return r
}

var lostLine = regexp.MustCompile(`(?m)^Lost ([0-9]+) events$`)

// bpftraced runs under bpftrace, which writes to a file in memory and has that
// many pages of buffer for each processor.
func (m *tracerBench) bpftraced(pages int, list ...work) turn {
	m.Helper()
	r := turn{costs: m.work(list, "/usr/bin/env", fmt.Sprintf("BPFTRACE_PERF_RB_PAGES=%d", pages),
		"/usr/bin/bpftrace", "-B", "full", "-o", "/lab/out", "/lab/fields.bt", "-c", strings.Join(loadWords(list), " "))}
	said := m.run(nil, "/bin/sh", "-c", `grep -c ' signal .* load -> .* load: 10,' /lab/out; grep '^Lost' /lab/out; rm /lab/out`)
	seen, _, _ := strings.Cut(said, "\n")
	var err error
	if r.seen, err = strconv.Atoi(seen); err != nil {
		m.Fatalf("count bpftrace's lines: %q", said)
	}
	for _, line := range lostLine.FindAllStringSubmatch(said, -1) {
		n, err := strconv.Atoi(line[1])
		if err != nil {
			m.Fatalf("count bpftrace's losses: %q", line[0])
		}
		r.lost += n
	}
	m.Logf("bpftrace: %d signals seen, %d records lost", r.seen, r.lost)
	return r
}
