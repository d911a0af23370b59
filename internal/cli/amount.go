// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab"
)

// amount is how much of something is done, and its recent speed, so that a stalled transfer is seen to stall.
type amount struct {
	kmodlab.Progress
	begun   time.Time
	samples []sample // of the last rateTime, oldest first
}

type sample struct {
	at   time.Time
	done int64
}

const (
	rateTime    = 5 * time.Second
	sampleEvery = rateTime / 20
)

// sameThing reports whether p continues what a describes.
func (a *amount) sameThing(p kmodlab.Progress) bool {
	return a.Phase == p.Phase && a.Detail == p.Detail && a.Unit == p.Unit && a.Total == p.Total && p.Done >= a.Done
}

func (a *amount) add(p kmodlab.Progress, now time.Time) {
	a.Progress = p
	if n := len(a.samples); n < 2 || now.Sub(a.samples[n-2].at) >= sampleEvery {
		a.samples = append(a.samples, sample{})
	}
	a.samples[len(a.samples)-1] = sample{now, p.Done}
	for len(a.samples) > 2 && now.Sub(a.samples[1].at) >= rateTime {
		a.samples = a.samples[1:]
	}
}

// ended reports whether everything has arrived.
func (a *amount) ended() bool { return a.Total > 0 && a.Done >= a.Total }

// text says how much is done, "" where that is unknown.
func (a *amount) text(now time.Time) string {
	switch {
	case a.Total <= 0:
		return ""
	case a.Unit == "bytes":
		return fmt.Sprintf("%s of %s MB, %s", megabytes(a.Done), megabytes(a.Total), rate(a.speed(now)))
	case a.Unit == "percent":
		return fmt.Sprintf("%d%%", a.Done*100/a.Total)
	}
	return fmt.Sprintf("%d of %d", a.Done, a.Total)
}

// summary is the last line that a file gets, "" where there is nothing to say.
func (a *amount) summary(now time.Time) string {
	took := now.Sub(a.begun)
	switch a.Unit {
	case "bytes":
		perSecond := float64(a.Done) / max(took.Seconds(), 0.001)
		return fmt.Sprintf("%s MB in %.1f s, %s", megabytes(a.Done), took.Seconds(), rate(perSecond))
	case "packages":
		return fmt.Sprintf("%d in %.1f s", a.Done, took.Seconds())
	}
	return ""
}

// speed is the speed over the last few seconds, in units per second.
func (a *amount) speed(now time.Time) float64 {
	if len(a.samples) == 0 {
		return 0
	}
	first, last := a.samples[0], a.samples[len(a.samples)-1]
	took := now.Sub(first.at)
	if took > rateTime && now.Sub(last.at) > rateTime {
		return 0 // nothing has arrived for that long
	}
	return float64(last.done-first.done) / max(took.Seconds(), 0.001)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }

func rate(perSecond float64) string {
	if perSecond < 100e3 {
		return fmt.Sprintf("%.1f kB/s", perSecond/1e3)
	}
	return fmt.Sprintf("%.1f MB/s", perSecond/1e6)
}
