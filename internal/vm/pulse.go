// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A guest that does not answer in time may not have had that time: somebody stopped QEMU, the machine slept, or others
// have all the processors. So QEMU's process is looked at once per second, as long as it lives.

// StallError means that this machine did not let QEMU run, so a guest's silence proves nothing.
type StallError struct {
	Text string
	Hint string // what a person can do
}

func (e *StallError) Error() string { return e.Text }

const (
	pulsePeriod = time.Second
	pulseSpan   = 10 * time.Second // what is judged: the time before a deadline
	pulseAnswer = 2 * time.Second  // how long QEMU may take to answer on its monitor
)

// stall is why a process did not run for a while.
type stall int

const (
	ran     stall = iota
	idle          // no thread ran: the guest may have nothing to do
	stopped       // by SIGSTOP, or by a debugger
	missed        // we did not run ourselves
	starved       // it waited for a processor
	hung          // idle, and its monitor does not answer
)

// usage is what the kernel says of a process.
type usage struct {
	at      time.Time
	stopped bool
	threads map[string]threadUsage
}

type threadUsage struct{ ran, waited time.Duration }

// beat is one interval between two usages.
type beat struct {
	from, to time.Time
	seen     stall
}

// pulse remembers the last intervals of one process.
type pulse struct {
	proc string // its folder in /proc

	mu    sync.Mutex
	last  usage
	beats []beat // the newest last
}

func newPulse(pid int) *pulse {
	p := &pulse{proc: filepath.Join("/proc", strconv.Itoa(pid))}
	p.last, _ = readUsage(p.proc)
	p.last.at = time.Now()
	return p
}

// watch looks at the process until done is closed.
func (p *pulse) watch(done <-chan struct{}) {
	tick := time.NewTicker(pulsePeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.look()
		case <-done:
			return
		}
	}
}

// look adds an interval that ends now.
func (p *pulse) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, err := readUsage(p.proc)
	if err != nil { // it is gone
		return
	}
	p.beats = append(p.beats, beat{from: p.last.at, to: now.at, seen: p.last.until(now)})
	p.last = now
	for len(p.beats) > 1 && now.at.Sub(p.beats[1].from) >= pulseSpan {
		p.beats = p.beats[1:]
	}
}

// why returns what kept the process from running during at least half of the last time, and for how long. One that is
// stopped now needs no further reason.
func (p *pulse) why() (stall, time.Duration) {
	p.look()
	p.mu.Lock()
	defer p.mu.Unlock()
	return judgeBeats(p.beats)
}

func judgeBeats(beats []beat) (stall, time.Duration) {
	var sum [starved + 1]time.Duration
	var all time.Duration
	for _, b := range beats {
		sum[b.seen] += b.to.Sub(b.from)
		all += b.to.Sub(b.from)
	}
	if n := len(beats); n > 0 && beats[n-1].seen == stopped {
		return stopped, sum[stopped]
	}
	if all < pulsePeriod || sum[ran] > all/2 { // a moment says nothing
		return ran, 0
	}
	if sum[idle] == all {
		return idle, all
	}
	kept := sum[stopped] + sum[missed] + sum[starved]
	if kept < all/2 {
		return ran, 0
	}
	most := stopped
	for _, s := range []stall{missed, starved} {
		if sum[s] > sum[most] {
			most = s
		}
	}
	return most, sum[most]
}

// until judges the interval between two usages.
func (u usage) until(now usage) stall {
	long := now.at.Sub(u.at)
	switch {
	case now.stopped:
		return stopped
	case long > 3*pulsePeriod:
		return missed
	}
	quiet := len(now.threads) > 0
	for tid, t := range now.threads {
		before := u.threads[tid] // zero for a new thread
		ranFor, waited := t.ran-before.ran, t.waited-before.waited
		if waited > long*3/4 && ranFor < long/4 {
			return starved
		}
		quiet = quiet && ranFor == 0
	}
	if quiet {
		return idle
	}
	return ran
}

// readUsage reads the state of a process and the times of its threads: how long each ran, and how long it waited for a
// processor. A kernel that keeps no such times gives no threads.
func readUsage(proc string) (usage, error) {
	u := usage{at: time.Now(), threads: make(map[string]threadUsage)}
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return u, err
	}
	_, after, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	u.stopped = strings.HasPrefix(after, "T") || strings.HasPrefix(after, "t")
	tasks, err := os.ReadDir(filepath.Join(proc, "task"))
	if err != nil {
		return u, err
	}
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join(proc, "task", task.Name(), "schedstat"))
		if err != nil {
			continue // it has ended
		}
		var t threadUsage
		if _, err := fmt.Sscan(string(text), &t.ran, &t.waited); err == nil {
			u.threads[task.Name()] = t
		}
	}
	return u, nil
}

// Stalled returns a *StallError if this machine kept QEMU from running in the last seconds, else nil. It is for a guest
// that did not answer in time.
func (m *Machine) Stalled() error {
	select {
	case <-m.proc.done:
		return nil
	default:
	}
	why, long := m.pulse.why()
	if why == idle && !m.answers() { // as in a container that is frozen, where nothing is called stopped
		why = hung
	}
	return stallError(why, m.proc.pid, long)
}

// answers reports whether QEMU's monitor answers.
func (m *Machine) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), pulseAnswer)
	defer cancel()
	_, err := m.qmp.execute(ctx, "query-status", nil)
	return !errors.Is(err, context.DeadlineExceeded)
}

// stallError is nil for a process that ran, or that had nothing to do.
func stallError(why stall, pid int, long time.Duration) error {
	long = long.Round(time.Second)
	switch why {
	case stopped:
		return &StallError{
			Text: fmt.Sprintf("QEMU (process %d) was stopped from outside", pid),
			Hint: "find out what stops it (SIGSTOP, a debugger), and run it again",
		}
	case hung:
		return &StallError{
			Text: fmt.Sprintf("QEMU (process %d) did not run for %s, and its monitor does not answer", pid, long),
			Hint: "run it again; a frozen container, or a disk that does not answer, does this",
		}
	case missed:
		return &StallError{
			Text: fmt.Sprintf("kmodlab itself did not run for %s", long),
			Hint: "run it again: it was stopped, or this machine slept or was very busy",
		}
	case starved:
		return &StallError{
			Text: fmt.Sprintf("QEMU (process %d) waited %s for a CPU and hardly got one", pid, long),
			Hint: "run it again when this machine has less to do, or fewer at a time (-j)",
		}
	}
	return nil
}
