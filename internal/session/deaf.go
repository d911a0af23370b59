// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/internal/notify"
)

// Deadline bounds one exchange with the guest. If a module keeps the CPUs from everything else, no answer will come:
// the CPUs tell so long before the deadline.
func (s *session) Deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := s.Lab.Deadline(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	if s.CPUs == nil {
		return ctx, func() { cancel(nil); end() }
	}
	o := s.observer(Step{})
	deaf := false
	var sampling sync.WaitGroup
	sampling.Go(func() {
		if deaf = o.deaf(ctx); deaf {
			cancel(context.DeadlineExceeded)
		}
	})
	return ctx, func() {
		cancel(nil)
		sampling.Wait()
		end()
		if deaf {
			seen := o.sampler.samples
			s.samples, s.code = seen[max(0, len(seen)-quietSamples):], o.sampler.code
		}
	}
}

// deaf samples the CPUs of a guest until it answers, and reports whether a module keeps it from that.
func (o *slow) deaf(ctx context.Context) bool {
	if !o.s.Sleep(ctx, hang.FirstLook) {
		return false
	}
	o.counted = time.Now().Add(-hang.FirstLook)
	o.s.journal.Progress(notify.Progress{Detail: "waiting for the guest to answer"})
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			o.sample(ctx)
		case <-ctx.Done():
			return false
		}
		if time.Since(o.counted) >= hang.Patience && o.watch.Deaf(o.samples) {
			return true
		}
	}
}
