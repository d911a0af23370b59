// SPDX-License-Identifier: MIT

// Package notify tells whoever watches a run what goes on, and keeps what of that
// belongs into the result: phases and commands.
package notify

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Watcher is told what goes on. Every field may be nil.
type Watcher struct {
	Phase   func(Progress)       // what is worked at
	Log     func(line string)    // what a person should know
	Command func(result.Command) // a command ended, here or in the guest
	Start   func(argv []string)  // a command starts
	Output  io.Writer            // its output, as it comes
	Kmsg    func(line string)    // the guest's kernel log
	Console io.Writer            // every byte of the guest's console
	Event   func(*Seen)          // what the trace saw, in the order of time
}

// Progress is what a run works at, and how far it has come.
type Progress struct {
	Phase       string // kernel, build, boot and so on, as in result.Phase
	Detail      string // for people; empty where the phase says it all
	Done, Total int64  // Total 0: unknown
	Unit        string // what those count: bytes, packages or percent
}

// Seen is one event of a live trace. It is valid during the call that brings it.
type Seen struct {
	Event      event.Event
	Line       timeline.Line // the event in words; What is empty for those that say nothing new
	SinceStart time.Duration // since the trace began
	Site       func(addr, at uint64) event.Site
}

// Journal is what happened on the host's side of one run. It can be used by several
// goroutines.
type Journal struct {
	watcher Watcher
	logging sync.Mutex // one call of Log at a time

	mu       sync.Mutex
	phases   []result.Phase
	commands []result.Command
}

// New begins a journal that tells w.
func New(w Watcher) *Journal { return &Journal{watcher: w} }

// Aside begins another journal, which tells the same watcher only of phases, and log
// what it has to say.
func (j *Journal) Aside(log func(line string)) *Journal {
	return New(Watcher{Phase: j.watcher.Phase, Log: log})
}

// Phase begins a stretch of work. The returned function notes it as done; a stretch
// that fails is not noted.
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

// Progress tells how far the present phase has come.
func (j *Journal) Progress(p Progress) {
	if j.watcher.Phase != nil {
		j.watcher.Phase(p)
	}
}

// Log tells a person what should be known.
func (j *Journal) Log(line string) {
	if j.watcher.Log != nil {
		j.logging.Lock()
		defer j.logging.Unlock()
		j.watcher.Log(line)
	}
}

// Keep notes a command without telling of it.
func (j *Journal) Keep(c result.Command) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commands = append(j.commands, c)
}

// Tell tells of a command that has ended.
func (j *Journal) Tell(c result.Command) {
	if j.watcher.Command != nil {
		j.watcher.Command(c)
	}
}

// Start tells that a command starts.
func (j *Journal) Start(argv []string) {
	if j.watcher.Start != nil {
		j.watcher.Start(argv)
	}
}

// Output is where a command's output goes as it comes, or nil.
func (j *Journal) Output() io.Writer { return j.watcher.Output }

// Console is where the bytes of the guest's console go, or nil.
func (j *Journal) Console() io.Writer { return j.watcher.Console }

// Event is who is told what the trace saw, or nil.
func (j *Journal) Event() func(*Seen) { return j.watcher.Event }

// Kmsg tells a line of the guest's kernel log.
func (j *Journal) Kmsg(line string) {
	if j.watcher.Kmsg != nil {
		j.watcher.Kmsg(line)
	}
}

// Phases returns what was worked at so far.
func (j *Journal) Phases() []result.Phase {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.phases)
}

// Commands returns what was run so far.
func (j *Journal) Commands() []result.Command {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.commands)
}
