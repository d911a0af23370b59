// SPDX-License-Identifier: MIT

package plain

import (
	"strconv"
	"strings"
)

// Moment prints a time to the microsecond, for people.
func Moment(ns int64) string {
	switch {
	case ns < 0:
		return "-" + Moment(-max(ns, -1<<62))
	case ns < 1e6:
		return trim(float64(ns)/1e3, 1) + " µs"
	case ns < 1e9:
		return trim(float64(ns)/1e6, 3) + " ms"
	}
	return trim(float64(ns)/1e9, 6) + " s"
}

func trim(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'f', digits, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
