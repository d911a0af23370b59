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

// Repeat makes a long result from a short one. It repeats all threads and signals, two seconds later each time, until
// the result has at least events moments.
func Repeat(r *result.Result, events int) *result.Result {
	const again = int64(2 * time.Second)
	long := *r
	for n, turn := moments(r), int64(1); int(turn)*n < events; turn++ {
		by := turn * again
		for _, t := range r.Threads {
			s := t.Stages
			t.Stages = result.ThreadStages{
				Requested:    later(s.Requested, by),
				PickedUp:     later(s.PickedUp, by),
				FirstRun:     later(s.FirstRun, by),
				Created:      later(s.Created, by),
				Woken:        later(s.Woken, by),
				Function:     later(s.Function, by),
				StopAsked:    later(s.StopAsked, by),
				StopSeen:     later(s.StopSeen, by),
				Exited:       later(s.Exited, by),
				StopReturned: later(s.StopReturned, by),
				Freed:        later(s.Freed, by),
			}
			t.StopCalls = slices.Clone(t.StopCalls)
			for i := range t.StopCalls {
				t.StopCalls[i].AskedNS += by
				t.StopCalls[i].ReturnedNS = later(t.StopCalls[i].ReturnedNS, by)
			}
			t.PID += int(turn)
			long.Threads = append(long.Threads, t)
		}
		for _, s := range r.Signals {
			s.SentNS, s.ConsumedNS = s.SentNS+by, later(s.ConsumedNS, by)
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

// moments counts what Repeat repeats. Each moment is one record of the tracer.
func moments(r *result.Result) int {
	n := 2 * len(r.Signals)
	for _, t := range r.Threads {
		s := &t.Stages
		for _, at := range []*int64{
			s.Requested, s.PickedUp, s.FirstRun, s.Created, s.Woken, s.Function,
			s.StopAsked, s.StopSeen, s.Exited, s.StopReturned, s.Freed,
		} {
			if at != nil {
				n++
			}
		}
	}
	return n
}

// BenchmarkWrite measures how fast a format is written on one core. It also reports the peak memory of the process,
// which includes the result itself.
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

// peak returns the most memory that this process has ever had, in KiB.
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
