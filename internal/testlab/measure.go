// SPDX-License-Identifier: MIT

package testlab

import (
	"fmt"
	"slices"
	"time"
)

// Rounds is how often each side of a ratio is measured, in turn, so that both see
// the same machine. The median counts.
const Rounds = 5

// Median is the middle one of durations, whose order stays.
func Median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// Row prints one line of the table that a benchmark is for.
func Row(what string, format string, args ...any) {
	fmt.Printf("  %-52s %s\n", what, fmt.Sprintf(format, args...))
}
