// SPDX-License-Identifier: MIT

package grade

import (
	"math"
	"strconv"
)

// Points have two decimals. Each check is rounded, and the sums are of what was rounded, so that a reader who adds up
// what is shown comes to the same sum.
const hundred = 100

// half is what a number may lack to a half: 1.005 is a bit less in binary, and its reader means 1.005.
const half = 1e-7

// Round rounds points to two decimals, a half upwards.
func Round(points float64) float64 { return float64(hundredths(points)) / hundred }

func hundredths(points float64) int64 { return int64(math.Floor(points*hundred + 0.5 + half)) }

// Format writes points as a person does: 3, 2.5, 0.33.
func Format(points float64) string { return strconv.FormatFloat(Round(points), 'f', -1, 64) }

// Scaled turns points of max into points of another maximum, rounded. Of a max of 0 nothing can be scaled, and ok is
// false.
func Scaled(points, max, to float64) (scaled float64, ok bool) {
	if max <= 0 {
		return 0, false
	}
	return Round(points / max * to), true
}

// Sum rounds the points of each check, and makes the grade's points their sum. A grade with a fault has no points.
func (g *Grade) Sum() {
	for i := range g.Checks {
		c := &g.Checks[i]
		c.Points, c.Max = Round(c.Points), Round(c.Max)
		if g.Fault != "" {
			c.Points = 0
			if c.Status == Passed || c.Status == Partial {
				c.Status = Unknown
			}
		}
	}
	points, limit := sum(g.Checks)
	if len(g.Checks) > 0 || g.Fault == "" {
		g.Max = limit
	}
	g.Points = points
}

// sum adds up in whole hundredths: in binary, 0.1 and 0.2 are not 0.3.
func sum(checks []Check) (points, limit float64) {
	var p, m int64
	for i := range checks {
		p += hundredths(checks[i].Points)
		m += hundredths(checks[i].Max)
	}
	return float64(p) / hundred, float64(m) / hundred
}

// isPoints reports whether a number can be a number of points.
func isPoints(x float64) bool { return x >= 0 && x <= maxPoints && Round(x) == x }
