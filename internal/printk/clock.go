// SPDX-License-Identifier: MIT

package printk

import (
	"math"
	"strconv"
	"strings"
)

// ClockMark begins a line that the agent writes to /dev/kmsg; what follows is CLOCK_MONOTONIC just before, in
// nanoseconds. The kernel stamps its log with another clock.
const ClockMark = "kmodlab: CLOCK_MONOTONIC "

// Mark returns the time in a line of the agent's.
func (l *Line) Mark() (ns int64, ok bool) {
	text, ok := strings.CutPrefix(l.Text, ClockMark)
	if !ok || !l.User || l.US < 0 {
		return 0, false
	}
	ns, err := strconv.ParseInt(text, 10, 64)
	return ns, err == nil && ns >= 0 && ns < math.MaxInt64/4
}

// Clock converts the stamps of a log to CLOCK_MONOTONIC. The zero value knows nothing.
type Clock struct{ at []offset }

// offset is how far CLOCK_MONOTONIC was ahead of the log's clock at a moment.
type offset struct{ us, ns int64 }

// batchUS is longer than it takes to write several marks.
const batchUS = 500_000

// ClockOf reads the marks in a log. Writing a mark takes some time, which makes the offset too small; of several
// marks in a row, the fastest counts.
func ClockOf(lines []Line) Clock {
	var c Clock
	for i := range lines {
		ns, ok := lines[i].Mark()
		if !ok {
			continue
		}
		o := offset{us: lines[i].US, ns: ns - lines[i].US*1000}
		if n := len(c.at); n > 0 && o.us-c.at[n-1].us < batchUS {
			c.at[n-1].ns = max(c.at[n-1].ns, o.ns)
			continue
		}
		c.at = append(c.at, o)
	}
	return c
}

// Known reports whether the clock can convert.
func (c Clock) Known() bool { return len(c.at) > 0 }

// Monotonic converts a stamp. Between two batches of marks the offset changes evenly.
func (c Clock) Monotonic(us int64) int64 { return us*1000 + c.offset(us) }

// Stamp is the reverse of Monotonic, within the drift of a few milliseconds.
func (c Clock) Stamp(ns int64) int64 {
	us := (ns - c.offset(ns/1000)) / 1000
	return (ns - c.offset(us)) / 1000
}

func (c Clock) offset(us int64) int64 {
	switch last := len(c.at) - 1; {
	case last < 0:
		return 0
	case us <= c.at[0].us:
		return c.at[0].ns
	case us >= c.at[last].us:
		return c.at[last].ns
	}
	for i := 1; ; i++ {
		a, b := c.at[i-1], c.at[i]
		if us < b.us {
			return a.ns + int64(float64(b.ns-a.ns)*float64(us-a.us)/float64(b.us-a.us))
		}
	}
}
