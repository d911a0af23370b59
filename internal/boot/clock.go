// SPDX-License-Identifier: MIT

package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// A kernel measures the frequency of its time stamp counter once, while it boots. If the host is busy just then, the
// measured value may be wrong by a factor, and the guest's clock with it: its watchdogs then report lockups of code
// that ran for seconds. So the guest's clock is compared with the host's.

// ErrClock means that a guest's clock runs too fast or too slow.
var ErrClock = errors.New("the guest's clock is wrong")

// Reading is one reading of a guest's clock.
type Reading struct {
	GuestNS  uint64    // CLOCK_MONOTONIC of the guest, read between
	From, To time.Time // these two moments of the host
}

// ReadClock reads the guest's clock.
func (g *Guest) ReadClock(ctx context.Context) (Reading, error) { return ReadClock(ctx, g.Client) }

// clockLimit bounds the reading of a clock.
const clockLimit = 30 * time.Second

// ReadClock reads the clock of the guest at the other end.
func ReadClock(ctx context.Context, c *wire.Client) (Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, clockLimit)
	defer cancel()
	r := Reading{From: time.Now()}
	var answer wire.ClockResult
	if err := c.Call(ctx, wire.OpClock, nil, &answer); err != nil {
		return Reading{}, fmt.Errorf("read the guest's clock: %w", err)
	}
	r.GuestNS, r.To = answer.MonotonicNS, time.Now()
	return r, nil
}

// clockError is how much a right clock may seem to deviate: what the counter's measurement leaves, and what a reading
// adds.
const (
	clockError = 0.1
	clockNoise = 2 * time.Millisecond
)

// Compare returns ErrClock if the guest's clock and the host's differ between two readings. How long an exchange takes
// does not matter: what cannot be told from a right clock counts as right.
func (r Reading) Compare(later Reading) error {
	least, most := later.From.Sub(r.To), later.To.Sub(r.From)
	passed := time.Duration(later.GuestNS - r.GuestNS)
	switch {
	case later.GuestNS < r.GuestNS, // it went back
		float64(passed) > float64(most)*(1+clockError)+float64(clockNoise),
		float64(passed) < float64(least)*(1-clockError)-float64(clockNoise):
		return fmt.Errorf("%w: %v passed there in at most %v", ErrClock, passed.Round(time.Millisecond),
			most.Round(time.Millisecond))
	}
	return nil
}
