// SPDX-License-Identifier: MIT

package notify

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestJournal: several goroutines may use a journal, as a run does while a snapshot is
// restored beside it; whoever watches is told one line at a time.
func TestJournal(t *testing.T) {
	const n = 100
	var lines []string
	j := New(Watcher{Log: func(line string) { lines = append(lines, line) }})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			j.Log(strconv.Itoa(i))
			j.Keep(result.Command{MS: float64(i)})
			j.Phase("build")("sandbox", true)
			j.Commands()
			j.Phases()
		})
	}
	all.Wait()
	if slices.Sort(lines); len(lines) != n || len(slices.Compact(lines)) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
	if len(j.Commands()) != n || len(j.Phases()) != n || j.Phases()[0].Where != "sandbox" || !j.Phases()[0].Cached {
		t.Errorf("%d commands and %d phases, want %d", len(j.Commands()), len(j.Phases()), n)
	}
}

// TestJournalAside: what another journal notes and says is not told as if it were the run's.
func TestJournalAside(t *testing.T) {
	var phases, lines, aside []string
	j := New(Watcher{
		Phase: func(p Progress) { phases = append(phases, p.Phase) },
		Log:   func(line string) { lines = append(lines, line) },
		Start: func([]string) { t.Error("told of a command") },
	})
	other := j.Aside(func(line string) { aside = append(aside, line) })
	other.Phase("attach")("", false)
	other.Log("no self-test")
	other.Start([]string{"lsmod"})
	if !slices.Equal(phases, []string{"attach"}) || !slices.Equal(aside, []string{"no self-test"}) || len(lines) > 0 {
		t.Errorf("phases %s, aside %s, lines %s", phases, aside, lines)
	}
	if len(j.Phases()) > 0 || len(other.Phases()) != 1 {
		t.Errorf("%d phases of the run, %d aside", len(j.Phases()), len(other.Phases()))
	}
}
