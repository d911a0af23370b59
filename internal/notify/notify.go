// SPDX-License-Identifier: MIT

// Package notify reports the progress of a run to its watcher, and keeps the part that
// belongs into the result: phases and commands.
package notify

import (
	"cmp"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Watcher is called as a run progresses. Every field may be nil.
type Watcher struct {
	Phase   func(Progress)                   // the present phase, and how far it has come
	Log     func(line string)                // something that a person should know
	Command func(result.Command)             // a command ended, here or in the guest
	Start   func(argv []string)              // a command starts
	Output  io.Writer                        // the output of commands, as it comes
	Test    func(name string, output []byte) // a program beside the modules printed something; nil: it ended
	Kmsg    func(line string)                // the guest's kernel log
	Console io.Writer                        // every byte of the guest's console
	Event   func(*Seen)                      // what the trace saw, in the order of time
}

// Progress is the present phase of a run, and how far it has come.
type Progress struct {
	Phase       string // kernel, build, boot and so on, as in result.Phase; empty: the one that was reported last
	Detail      string // for people; empty if the phase says it all
	Done, Total int64  // Total 0: unknown
	Unit        string // of both: bytes, packages or percent
}

// Seen is one event of a live trace. It is valid during the call that gets it.
type Seen struct {
	Event      event.Event
	Line       timeline.Line // the event in words; What is empty if it says nothing new
	SinceStart time.Duration // since the trace began
	Site       func(addr, at uint64) event.Site
}

// Journal is what happened on the host's side of one run. It is safe for concurrent use.
type Journal struct {
	watcher Watcher
	logging sync.Mutex // one call of Log at a time

	mu       sync.Mutex
	present  string // phase
	phases   []result.Phase
	commands []result.Command
}

// New begins a journal that reports to w.
func New(w Watcher) *Journal { return &Journal{watcher: w} }

// Aside begins another journal, which reports to the same watcher only phases, and calls
// log for each line.
func (j *Journal) Aside(log func(line string)) *Journal {
	return New(Watcher{Phase: j.watcher.Phase, Log: log})
}

// Phase begins a phase. The returned function records it as done; a phase that fails is
// not recorded.
func (j *Journal) Phase(name string) (done func(where string, cached bool)) {
	start := time.Now()
	j.Progress(Progress{Phase: name})
	return func(where string, cached bool) {
		ms := float64(time.Since(start).Microseconds()) / 1000
		j.mu.Lock()
		defer j.mu.Unlock()
		j.phases = append(j.phases, result.Phase{Name: name, MS: ms, Cached: cached, Where: where})
	}
}

// Progress reports how far the present phase has come.
func (j *Journal) Progress(p Progress) {
	j.mu.Lock()
	p.Phase = cmp.Or(p.Phase, j.present)
	j.present = p.Phase
	j.mu.Unlock()
	if j.watcher.Phase != nil {
		j.watcher.Phase(p)
	}
}

// Log reports something that a person should know.
func (j *Journal) Log(line string) {
	if j.watcher.Log != nil {
		j.logging.Lock()
		defer j.logging.Unlock()
		j.watcher.Log(line)
	}
}

// Keep records a command without reporting it.
func (j *Journal) Keep(c result.Command) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commands = append(j.commands, c)
}

// Ended reports a command that has ended.
func (j *Journal) Ended(c result.Command) {
	if j.watcher.Command != nil {
		j.watcher.Command(c)
	}
}

// Start reports that a command starts.
func (j *Journal) Start(argv []string) {
	if j.watcher.Start != nil {
		j.watcher.Start(argv)
	}
}

// Output is where a command's output goes as it comes, or nil.
func (j *Journal) Output() io.Writer { return j.watcher.Output }

// Tested passes on what a program beside the modules printed; nil means that it ended.
func (j *Journal) Tested(name string, output []byte) {
	if j.watcher.Test != nil {
		j.watcher.Test(name, output)
	}
}

// Console is where the bytes of the guest's console go, or nil.
func (j *Journal) Console() io.Writer { return j.watcher.Console }

// Event is called for each event of the trace, or nil.
func (j *Journal) Event() func(*Seen) { return j.watcher.Event }

// Kmsg reports a line of the guest's kernel log.
func (j *Journal) Kmsg(line string) {
	if j.watcher.Kmsg != nil {
		j.watcher.Kmsg(line)
	}
}

// Phases returns the phases that were recorded so far.
func (j *Journal) Phases() []result.Phase {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.phases)
}

// Commands returns the commands that were recorded so far.
func (j *Journal) Commands() []result.Command {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.commands)
}
