// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
)

// followed shows the run as it happens, if asked to: on a terminal as lanes that are redrawn, else as a line per event,
// like trace. The context ends when nobody reads any more; the caller must call stop at the end.
func (o *options) followed(ctx context.Context, p *progress, out io.Writer) (_ context.Context, stop func()) {
	if !o.follow {
		return ctx, func() {}
	}
	if isTerminal(out) {
		f := &following{opt: o.display.options(out, false), progress: p, out: out}
		o.spec.Watch.Event = f.add
		return ctx, func() {}
	}
	ctx, print, stop := printer(ctx, p, out)
	o.spec.Watch.Event = func(s *kmodlab.Seen) { print(eventText(s, false)) }
	return ctx, stop
}

// printer prints to a reader that may go away, as head does. That must end the work through the context, not kill this
// process in the middle of it.
func printer(ctx context.Context, p *progress, out io.Writer) (_ context.Context, print func(string), stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	print = func(text string) {
		if text == "" {
			return
		}
		if err := p.printTo(out, text); err != nil {
			cancel(fmt.Errorf("write trace: %w", err))
		}
	}
	return ctx, print, func() { signal.Stop(broken); cancel(nil) }
}

// following holds the lanes of a run on a terminal.
type following struct {
	opt      report.TextOptions
	progress *progress
	out      io.Writer

	mu    sync.Mutex
	lanes report.Follow
	came  time.Time // when the newest event arrived
}

func (f *following) add(s *kmodlab.Seen) {
	f.mu.Lock()
	first := f.came.IsZero()
	f.lanes.Add(&s.Event, s.Line)
	f.came = time.Now()
	f.mu.Unlock()
	if first {
		f.progress.follow(f.out, f.lines)
	}
}

func (f *following) lines(columns, rows int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opt.Width = columns
	return f.lanes.Lines(f.opt, rows, time.Since(f.came))
}
