// SPDX-License-Identifier: MIT

// Package linuxversion reads a kernel's version out of its release, which uname -r prints.
package linuxversion

import (
	"strconv"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

var beginning = lazyregexp.New(`^(\d{1,4})\.(\d{1,4})\b`)

// Parse reads the beginning of a release: 6 and 12 of 6.12.9-amd64.
func Parse(release string) (major, minor int, ok bool) {
	m := beginning.FindStringSubmatch(release)
	if m == nil {
		return 0, 0, false
	}
	major, _ = strconv.Atoi(m[1]) // the pattern admits only valid numbers
	minor, _ = strconv.Atoi(m[2])
	return major, minor, true
}
