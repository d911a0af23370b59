// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"

	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// endCrashed corrects the ends of threads in which the kernel reported a fault. The kernel ends such a thread itself,
// and its record then holds the result that was never set: it looks like a return of 0.
func endCrashed(threads []result.Thread, crashes []result.Crash) {
	for i := range threads {
		t := &threads[i]
		died := func(c result.Crash) bool {
			return oops.Kills(&c) && c.Task != nil && c.Task.PID == t.PID && (c.Task.Comm == "" || c.Task.Comm == t.Name)
		}
		if t.PID == 0 || !slices.ContainsFunc(crashes, died) {
			continue
		}
		t.Ending, t.Result, t.Alive, t.Ended = string(timeline.EndCrashed), 0, false, "crashed"
		if !slices.Contains(t.Unknown, "result") {
			t.Unknown = append(t.Unknown, "result")
		}
	}
}
