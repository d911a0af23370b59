// SPDX-License-Identifier: MIT

package svg

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// scale gives every moment room: the longer the time between two moments, the wider it is drawn, but a thousand times
// as long is not a thousand times as wide. It keeps the order.
type scale struct {
	at    []int64   // moments, without duplicates
	place []float64 // of each moment
	right float64
}

// newScale makes a scale that begins at left. It is least pixels wide, or wider if there are many moments.
func newScale(moments []int64, left, least float64) scale {
	slices.Sort(moments)
	s := scale{at: slices.Compact(moments)}
	units := 0.0
	for i, t := range s.at {
		if i > 0 {
			units += 0.5 + math.Log10(1+(float64(t)-float64(s.at[i-1]))/1e3)/2
		}
		s.place = append(s.place, units)
	}
	width := min(max(units*perUnit, least), maxAxis)
	for i := range s.place {
		s.place[i] = left + s.place[i]/max(units, 1)*width
	}
	s.right = left + width
	return s
}

// x is the place of a moment. Between two of the moments that the scale was made from, time passes evenly.
func (s *scale) x(t int64) float64 {
	i, ok := slices.BinarySearch(s.at, t)
	switch {
	case ok:
		return s.place[i]
	case i == len(s.at):
		return s.right
	case i == 0:
		return s.place[0]
	}
	from, to := s.at[i-1], s.at[i]
	return s.place[i-1] + (s.place[i]-s.place[i-1])*(float64(t)-float64(from))/(float64(to)-float64(from))
}

// tick prints a moment to five digits.
func tick(ns int64) string { return digits(ns, 5) }

// span prints a duration to three digits.
func span(ns int64) string { return digits(ns, 3) }

func digits(ns int64, n int) string {
	v, unit := float64(ns)/1e3, "µs"
	switch a := math.Abs(float64(ns)); {
	case a >= 999.5e6:
		v, unit = float64(ns)/1e9, "s"
	case a >= 999.5e3:
		v, unit = float64(ns)/1e6, "ms"
	}
	whole := 1 + int(math.Log10(math.Max(1, math.Abs(v))))
	s := strconv.FormatFloat(v, 'f', max(0, min(3, n-whole)), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return fmt.Sprintf("%s %s", s, unit)
}
