// SPDX-License-Identifier: MIT

package foreign

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/result"
)

// Repeat makes a long result of a short one, by letting it all happen again and
// again until it has so many moments.
func Repeat(r *result.Result, events int) *result.Result {
	const again = int64(2 * time.Second)
	long := *r
	for n, turn := moments(r), int64(1); int(turn)*n < events; turn++ {
		for _, t := range r.Threads {
			t.Stages = result.ThreadStages{
				Requested: later(t.Stages.Requested, turn*again), PickedUp: later(t.Stages.PickedUp, turn*again), FirstRun: later(t.Stages.FirstRun, turn*again),
				Created: later(t.Stages.Created, turn*again), Woken: later(t.Stages.Woken, turn*again), Function: later(t.Stages.Function, turn*again),
				StopAsked: later(t.Stages.StopAsked, turn*again), StopSeen: later(t.Stages.StopSeen, turn*again), Exited: later(t.Stages.Exited, turn*again),
				StopReturned: later(t.Stages.StopReturned, turn*again), Freed: later(t.Stages.Freed, turn*again),
			}
			t.StopCalls = slices.Clone(t.StopCalls)
			for i := range t.StopCalls {
				t.StopCalls[i].AskedNS += turn * again
				t.StopCalls[i].ReturnedNS = later(t.StopCalls[i].ReturnedNS, turn*again)
			}
			t.PID += int(turn)
			long.Threads = append(long.Threads, t)
		}
		for _, s := range r.Signals {
			s.SentNS, s.ConsumedNS = s.SentNS+turn*again, later(s.ConsumedNS, turn*again)
			s.To.PID += int(turn)
			long.Signals = append(long.Signals, s)
		}
	}
	return &long
}

func later(at *int64, by int64) *int64 {
	if at == nil {
		return nil
	}
	moved := *at + by
	return &moved
}

// moments counts what Repeat repeats: each is a record of the tracer.
func moments(r *result.Result) int {
	n := 2 * len(r.Signals)
	for _, t := range r.Threads {
		s := &t.Stages
		for _, at := range []*int64{s.Requested, s.PickedUp, s.FirstRun, s.Created, s.Woken, s.Function, s.StopAsked, s.StopSeen, s.Exited, s.StopReturned, s.Freed} {
			if at != nil {
				n++
			}
		}
	}
	return n
}

// BenchmarkWrite measures a format on one core, and the most memory that the
// process ever had, the result itself included.
func BenchmarkWrite(b *testing.B, r *result.Result, write func(io.Writer, *result.Result) error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var n counter
	b.ReportAllocs()
	for b.Loop() {
		n = 0
		if err := write(&n, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/1e6, "MB")
	b.ReportMetric(float64(moments(r)), "events")
	b.ReportMetric(float64(peak(b))/1024, "peak-MiB")
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// peak is the most memory that this process had, in KiB.
func peak(b *testing.B) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		b.Fatal(err)
	}
	return n
}
