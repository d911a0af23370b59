// SPDX-License-Identifier: MIT

package oops

import (
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Class is the class of a list of crashes in the order of the log, Pass
// when there is none. The first report decides, for the later ones are mostly
// its consequences; only a WARNING or a kill for want of memory, after which the
// kernel goes on in order, gives way to a later report, unless it is about memory
// used after free.
func Class(crashes []result.Crash) result.Class {
	if i := Decisive(crashes); i >= 0 {
		return crashes[i].Class
	}
	return result.Pass
}

// UseAfterFree is in a WARNING after which nothing goes on in order: somebody
// works on memory that is another's by now, and what follows comes from that.
const UseAfterFree = "use-after-free"

// Decisive is the index of the crash that decides, -1 when there is none.
func Decisive(crashes []result.Crash) int {
	for i, c := range crashes {
		if !c.GoesOn() || strings.Contains(c.Title, UseAfterFree) {
			return i
		}
	}
	return min(len(crashes), 1) - 1
}
