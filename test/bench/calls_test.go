// SPDX-License-Identifier: MIT

package bench

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// callCounts are how many of each call are measured.
const callCounts = 100_000

// callCost is what a call takes, in nanoseconds of the guest's clock.
type callCost struct{ module, other, none, wake time.Duration }

// BenchmarkCalls measures what a system call takes in a program that is followed and in one that is not, with and
// without the hooks of Options.Calls: read(2) of a module's device, read(2) of /dev/zero, and getppid(2); and what it
// takes to wake a thread of the module and to let it sleep again.
func BenchmarkCalls(b *testing.B) {
	name := os.Getenv("KMODLAB_BENCH_KERNEL")
	if name == "" {
		name = "debian:bookworm"
	}
	k := machine.Kernel(b, name)
	g := machine.Start(b, boot.Options{
		Kernel: k, MemoryMiB: 1024, StateDir: machine.CacheDir(b), Log: func(line string) { b.Log(line) },
		Files: []boot.File{
			{Name: "/lab/kmodlab_calls.ko", Mode: 0o644, Host: machine.Build(b, k, "../../modules/calls")["kmodlab_calls"]},
			{Name: "/lab/use.c", Mode: 0o644, Host: "../../modules/calls/use.c"},
		},
	})
	m := &tracerBench{b, g}
	m.run(nil, "/usr/bin/gcc", "-O2", "-static", "-w", "-o", "/lab/use", "/lab/use.c")
	for b.Loop() {
		costs := map[string][]callCost{}
		for range tracerRounds {
			m.recorded(wire.TraceArgs{}, func() { costs["traced"] = append(costs["traced"], m.calls(false)) })
			m.recorded(wire.TraceArgs{Calls: true}, func() {
				costs["others"] = append(costs["others"], m.calls(false))
				costs["followed"] = append(costs["followed"], m.calls(true))
			})
		}
		fmt.Printf("\n%s, %s, median of %d rounds, %d calls each\n", m.Hello.Release, m.accel(), tracerRounds, callCounts)
		for _, work := range []struct {
			name string
			of   func(callCost) time.Duration
		}{
			{"read of the module's device", func(c callCost) time.Duration { return c.module }},
			{"read of /dev/zero", func(c callCost) time.Duration { return c.other }},
			{"getppid", func(c callCost) time.Duration { return c.none }},
			{"waking the module's thread", func(c callCost) time.Duration { return c.wake }},
		} {
			median := func(who string) float64 {
				var all []time.Duration
				for _, c := range costs[who] {
					all = append(all, work.of(c))
				}
				return float64(testlab.Median(all))
			}
			base := median("traced")
			testlab.Row("  "+work.name, "%.0f ns without Calls; with it %.0f (ratio %.2f), in a followed program %.0f (ratio %.2f)",
				base, median("others"), median("others")/base, median("followed"), median("followed")/base)
		}
	}
}

// recorded attaches the tracer, loads the module so that the tracer knows it, and works.
func (m *tracerBench) recorded(args wire.TraceArgs, work func()) {
	m.Helper()
	begun := time.Now()
	_, state := machine.Traced(m, m.Guest, args, func() {
		m.Logf("attached in %v with %+v", time.Since(begun), args)
		m.run(nil, "/usr/sbin/insmod", "/lab/kmodlab_calls.ko")
		work()
		m.run(nil, "/usr/sbin/rmmod", "kmodlab_calls")
	})
	if len(state.Lost) > 0 {
		m.Errorf("lost: %v", state.Lost)
	}
}

// calls has use.c measure itself.
func (m *tracerBench) calls(follow bool) callCost {
	m.Helper()
	var out bytes.Buffer
	var ended wire.ExecResult
	args := wire.ExecArgs{
		Argv: []string{"/lab/use", "time", fmt.Sprint(callCounts)}, Follow: follow,
		TimeoutMS: (10 * time.Minute).Milliseconds(),
	}
	if _, err := m.Stream(m.Context(), wire.OpExec, args, nil, &ended, func(b []byte) { out.Write(b) }); err != nil {
		m.Fatal(err)
	}
	var c callCost
	if _, err := fmt.Sscan(out.String(), &c.module, &c.other, &c.none, &c.wake); err != nil || ended.Exit != 0 {
		m.Fatalf("use time: exit status %d, %v: %s", ended.Exit, err, out.String())
	}
	return c
}
