// SPDX-License-Identifier: MIT

package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestCrowd: of very many alike signals and killed processes the story has the first ones and says how many follow;
// others are not touched by that, and -v has all.
func TestCrowd(t *testing.T) {
	for n, want := range map[int]int{1: 1, 20: 20, 21: 21, 22: 21, 1000: 21} {
		r := &result.Result{Tests: []result.Test{{Name: "bomb", PID: 5}}}
		for i := range n {
			ns := int64(i)
			to := result.Task{Comm: "bomb", PID: 100 + i}
			r.Signals = append(r.Signals, result.Signal{Signo: 9, Name: "SIGKILL", From: result.Task{Comm: "init", PID: 1},
				To: to, Outcome: result.Delivered, SentNS: ns})
			r.Processes = append(r.Processes, result.Process{Task: to, Parent: 5, KilledBy: "SIGKILL", EndNS: &ns})
		}
		other := result.Signal{
			Signo: 10, Name: "SIGUSR1", From: result.Task{Comm: "m", PID: 7}, To: result.Task{Comm: "k", PID: 8},
			Outcome: result.Consumed, SentNS: 5000,
		}
		r.Signals = append(r.Signals, other)
		for verbose, want := range map[bool]int{false: 2*want + 1, true: 2*n + 1} {
			rows := story(r, verbose)
			if verbose { // whose signals have rows about the sender, if that is known
				rows = slices.DeleteFunc(rows, func(r row) bool { return !r.timed })
			}
			if len(rows) != want {
				t.Errorf("%d alike, verbose %t: %d rows, want %d", n, verbose, len(rows), want)
			}
			last := rows[len(rows)-1]
			if !strings.Contains(last.what, "SIGUSR1 to k[8]") {
				t.Errorf("%d alike, verbose %t: the last row is %+v", n, verbose, last)
			}
		}
	}
}

// TestCrowdNotes: the notes say how many are left out.
func TestCrowdNotes(t *testing.T) {
	r := &result.Result{}
	for i := range 30 {
		ns := int64(i)
		r.Signals = append(r.Signals, result.Signal{
			Signo: 9, Name: "SIGKILL", From: result.Task{Comm: "init", PID: 1}, SentNS: ns,
		})
		r.Processes = append(r.Processes, result.Process{Task: result.Task{PID: 100 + i}, KilledBy: "SIGKILL", EndNS: &ns})
	}
	var notes []string
	for _, row := range story(r, false) {
		if strings.Contains(row.what, "…") {
			notes = append(notes, strings.TrimSpace(row.who+" "+row.what))
		}
	}
	want := []string{
		"init[1] … sends 10 more SIGKILL (-v and --json list them all)",
		"… 10 more processes were killed by SIGKILL (-v and --json list them all)",
	}
	if !slices.Equal(notes, want) {
		t.Errorf("%q", notes)
	}
}
