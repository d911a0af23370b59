// SPDX-License-Identifier: MIT

package event

import (
	"cmp"
	"slices"
)

// Since returns the events in the order of time, without those of the tracer's
// self-test: all before mark, and what tasks that were born before it still did.
// It works in place, since there may be a million of them.
func Since(events []Event, mark uint64) []Event {
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
	t := SelfTest{Mark: mark}
	return slices.DeleteFunc(events, func(e Event) bool { return !t.Counts(&e) })
}

// SelfTest separates the records of the tracer's self-test from those that count.
// The zero value lets everything pass.
type SelfTest struct {
	Mark uint64          // CLOCK_MONOTONIC in nanoseconds: the end of the self-test
	born map[uint32]bool // pids of tasks that began before the mark and are not freed
}

// Counts reports whether an event belongs to the story. It needs the events in the
// order of time. A task from before the mark may act after it, as a kworker does
// that the self-test needed; only its end is a story without a beginning.
func (t *SelfTest) Counts(e *Event) bool {
	switch {
	case e.Time < t.Mark:
		t.note(e)
		return false
	case e.Kind == TaskExited:
		return !t.born[e.By.PID]
	case e.Kind == TaskFreed: // By is whoever happened to run
		counts := !t.born[e.Target.PID]
		delete(t.born, e.Target.PID) // from now on the pid may be another's
		return counts
	}
	return true
}

// note remembers the tasks that the self-test starts.
func (t *SelfTest) note(e *Event) {
	if t.born == nil {
		t.born = make(map[uint32]bool)
	}
	switch {
	case e.Kind == TaskFreed:
		delete(t.born, e.Target.PID)
	case e.By.PID != 0 && (e.Kind == ThreadFirstRun || e.Kind == HelperForked):
		t.born[e.By.PID] = true
	}
}
