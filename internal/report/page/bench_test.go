// SPDX-License-Identifier: MIT

package page

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// many repeats the demo until there are about n events, each time with its own pids and times, and all stacks.
func many(b testing.TB, n int) *result.Result {
	b.Helper()
	one := golden(b, "demo")
	each := len(lanes.Build(one).Events)
	all := golden(b, "demo")
	all.Threads, all.Requests, all.Signals, all.Modules = nil, nil, nil, nil
	for i := 0; i*each < n; i++ {
		next := golden(b, "demo")
		shift(next, int64(i)*3_000_000_000, i*100)
		all.Threads = append(all.Threads, next.Threads...)
		all.Requests = append(all.Requests, next.Requests...)
		all.Signals = append(all.Signals, next.Signals...)
		all.Modules = append(all.Modules, next.Modules...)
	}
	return all
}

// shift moves a result to other pids and times.
func shift(r *result.Result, by int64, pid int) {
	at := func(times ...*int64) {
		for _, t := range times {
			if t != nil {
				*t += by
			}
		}
	}
	task := func(tasks ...*result.Task) {
		for _, t := range tasks {
			if t != nil && t.PID > 2 {
				t.PID += pid
			}
		}
	}
	for i := range r.Threads {
		t := &r.Threads[i]
		s := &t.Stages
		t.PID += pid
		task(&t.Requester, t.WokenBy, t.StoppedBy)
		at(s.Requested, s.PickedUp, s.FirstRun, s.Created, s.Woken, s.Function, s.StopAsked, s.StopSeen, s.Exited,
			s.StopReturned, s.Freed)
		for j := range t.StopCalls {
			task(&t.StopCalls[j].By)
			at(&t.StopCalls[j].AskedNS, t.StopCalls[j].ReturnedNS)
		}
	}
	for i := range r.Requests {
		q := &r.Requests[i]
		s := &q.Stages
		task(&q.By)
		q.Helper.PID += pid
		at(s.Asked, s.Named, s.Throttled, s.Queued, s.Forked, s.Exec, s.Loaded, s.Exited, s.Waited, s.Returned)
	}
	for i := range r.Signals {
		s := &r.Signals[i]
		task(&s.From, &s.To)
		at(&s.SentNS, s.ConsumedNS)
	}
	for i := range r.Modules {
		m := &r.Modules[i]
		task(m.By, m.FreedBy)
		at(m.LoadedNS, m.FreedNS)
		for j := range m.Refs {
			task(&m.Refs[j].By)
			at(&m.Refs[j].AtNS)
		}
	}
}

// BenchmarkHTML writes the page of 100,000 events on one core. heap-MB is the
// most that the heap held.
func BenchmarkHTML(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := many(b, 100_000)
	n := len(lanes.Build(r).Events)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := watchHeap()
	var size counter
	for b.Loop() {
		size = 0
		if err := HTML(&size, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(peak()-min(peak(), before.HeapAlloc))/1e6, "heap-MB")
	b.ReportMetric(float64(size)/1e6, "file-MB")
	b.ReportMetric(float64(n), "events")
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

var _ io.Writer = (*counter)(nil)

// watchHeap returns a function that returns the largest heap seen so far.
func watchHeap() func() uint64 {
	var most uint64
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	ended := false
	return func() uint64 {
		if !ended {
			close(done)
			<-stopped
			ended = true
		}
		return most
	}
}

// BenchmarkPage opens the page of 10,000 events in Chromium: until the first
// paint with the timeline on it, and for a zoom step from the key to the end of
// its painting, the middle one of twenty, in both scales.
func BenchmarkPage(b *testing.B) {
	r := many(b, 10_000)
	for b.Loop() {
		tb := open(b, r, wide, tall)
		b.ReportMetric(eval[float64](tb, "performance.getEntriesByName('first-contentful-paint')[0].startTime"),
			"first-paint-ms")
		b.ReportMetric(eval[float64](tb, "kmodlab.painted"), "timeline-ms")
		b.ReportMetric(eval[float64](tb, "kmodlab.model.story.events.length"), "events")
		for _, scale := range []string{"steps", "time"} {
			eval[bool](tb, "(document.getElementById('scale-"+scale+"').click(), true)")
			tb.Settle()
			b.ReportMetric(eval[float64](tb, fmt.Sprintf(zoomSteps, 20)), "zoom-"+scale+"-ms")
		}
		b.ReportMetric(eval[float64](tb, searchTime), "search-ms")
	}
}

// zoomSteps presses + n times, and returns the median duration.
const zoomSteps = `(async () => {
	const took = [];
	for (let i = 0; i < %d; i++) {
		await new Promise(requestAnimationFrame);
		const begin = performance.now();
		kmodlab.canvas.dispatchEvent(new KeyboardEvent("keydown", {key: i %% 4 < 2 ? "+" : "-"}));
		const paints = kmodlab.paints;
		while (kmodlab.paints === paints) await new Promise(requestAnimationFrame);
		await new Promise(requestAnimationFrame); // the next frame begins when this one is drawn
		took.push(performance.now() - begin);
	}
	return took.sort((a, b) => a - b)[took.length >> 1];
})()`

// searchTime is the time from the last key to the list that shows what was found.
const searchTime = `(async () => {
	const box = document.getElementById("search"), begin = performance.now();
	box.value = "sigusr1";
	box.dispatchEvent(new Event("input"));
	while (kmodlab.hits === null) await new Promise(requestAnimationFrame);
	return performance.now() - begin;
})()`
