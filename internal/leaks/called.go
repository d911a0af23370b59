// SPDX-License-Identifier: MIT

package leaks

import (
	"strconv"
	"strings"
)

// A probe at a function's return takes the place of the caller on the stack, so the kernel's call traces lack that
// caller. The records of our probes have it.

// callBy is a call of a function of the kernel by a task.
type callBy struct{ pid, function string }

// calledFrom is where in a module a task called a function.
type calledFrom struct {
	place   Place // the last one
	several bool  // there were others
}

// called notes a call of a module's. f is a function, perhaps with an offset.
func (l *Ledger) called(pid, f string, from Place) {
	key := callBy{pid, functionOf(f)}
	before, known := l.calls[key]
	if !from.inModule() || !known && len(l.calls) == maxHeld {
		return
	}
	other := known && (before.place.Name != from.Name || before.place.Addr != from.Addr)
	l.calls[key] = calledFrom{from, before.several || other}
}

// CalledFrom returns the place in a module from which a task called a function of the kernel. There is none if it did
// so at several places, unless it has not come back from the last.
func (l *Ledger) CalledFrom(pid int, function string, name Namer) (site, module string) {
	id := strconv.Itoa(pid)
	c, ok := l.calls[callBy{id, function}]
	if n := len(l.open[id]); !ok || c.several && (n == 0 || l.open[id][n-1].function != function) {
		return "", ""
	}
	return c.place.resolve(name)
}

// functionOf is the function of a place, f+0x1/0x2.
func functionOf(place string) string {
	f, _, _ := strings.Cut(place, "+")
	return f
}
