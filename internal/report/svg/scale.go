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

// maxRooms bounds what is given to rooms: more calls are told by their colour alone.
const maxRooms = 900

// room is how many pixels a stretch of time should have at least.
type room struct {
	from, to int64
	width    float64
}

// newScale makes a scale that begins at left. It is least pixels wide, or wider if there are many moments.
func newScale(moments []int64, left, least float64, rooms []room) scale {
	slices.Sort(moments)
	s := scale{at: slices.Compact(moments), place: []float64{left}}
	units := 0.0
	var gaps, widths []float64 // from each moment to the next: in units, and the least in pixels
	for i := 1; i < len(s.at); i++ {
		gaps = append(gaps, 0.5+math.Log10(1+(float64(s.at[i])-float64(s.at[i-1]))/1e3)/2)
		units += gaps[i-1]
	}
	widths = make([]float64, len(gaps))
	needs := 0.0
	for _, r := range rooms {
		from, _ := slices.BinarySearch(s.at, r.from)
		to, _ := slices.BinarySearch(s.at, r.to)
		for i := from; i < min(to, len(gaps)); i++ {
			more := max(0, r.width/float64(to-from)-widths[i])
			widths[i] += more
			needs += more
		}
	}
	width := min(max(units*perUnit, least), maxAxis)
	switch { // half of the picture is for them
	case needs > maxRooms:
		clear(widths)
	case needs > width/2:
		width = 2 * needs
	}
	unit := pixels(gaps, widths, width, units)
	for i, gap := range gaps {
		s.place = append(s.place, s.place[i]+max(gap*unit, widths[i]))
	}
	if len(s.at) == 0 {
		s.place = nil
	}
	s.right = left + width
	return s
}

// pixels is how wide a unit is if all gaps together, none narrower than its least width, have a width.
func pixels(gaps, widths []float64, width, units float64) float64 {
	low, high := 0.0, width/max(units, 1)
	if !slices.ContainsFunc(widths, func(w float64) bool { return w > 0 }) {
		return high
	}
	for range 40 {
		mid, sum := (low+high)/2, 0.0
		for i, gap := range gaps {
			sum += max(gap*mid, widths[i])
		}
		if sum <= width {
			low = mid
		} else {
			high = mid
		}
	}
	return low
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
