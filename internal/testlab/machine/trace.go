// SPDX-License-Identifier: MIT

package machine

import (
	"context"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// Traced has the machine's tracer record what happens while work works, as a run does. It returns the records and what
// the tracer said at its end.
func Traced(tb testing.TB, g *boot.Guest, args wire.TraceArgs, work func()) ([]event.Event, *wire.TraceResult) {
	tb.Helper()
	type stream struct {
		events []event.Event
		err    error
	}
	all := make(chan stream, 1)
	go func() {
		events, err := event.ReadAll(g.Events)
		all <- stream{events, err}
	}()
	state := new(wire.TraceResult)
	call := func(op string, args any) {
		tb.Helper()
		ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Minute)
		defer cancel()
		if err := g.Call(ctx, op, args, state); err != nil {
			tb.Fatal(err)
		}
	}
	call(wire.OpTraceStart, args)
	work()
	call(wire.OpTraceStop, wire.TraceStopArgs{Detach: true})
	got := <-all
	if got.err != nil {
		tb.Fatal(got.err)
	}
	return got.events, state
}
