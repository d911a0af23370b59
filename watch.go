// SPDX-License-Identifier: MIT

package kmodlab

import (
	"io"
	"time"

	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Watch is told what goes on while Run works. Every field may be nil. The
// functions are called from one goroutine at a time, but Kmsg, Log, Console and Event may
// come while another one is being called.
type Watch struct {
	Phase   func(Progress)       // what is worked at
	Log     func(line string)    // what a person should know
	Command func(result.Command) // a command ended, here or in the guest
	Start   func(argv []string)  // a command starts
	Output  io.Writer            // its output, as it comes
	Kmsg    func(line string)    // the guest's kernel log
	// Test is told what a program of Spec.Tests printed, as it comes, and nil when it ended. It is the submission's own
	// text: anything may be in it.
	Test    func(name string, output []byte)
	Console io.Writer   // every byte of the guest's console
	Event   func(*Seen) // what the trace saw, in the order of time
}

// Progress is what a run works at, and how far it has come.
type Progress struct {
	Phase       string // kernel, build, boot and so on, as in result.Phase
	Detail      string // for people; empty where the phase says it all
	Done, Total int64  // Total 0: unknown
	Unit        string // what those count: bytes, packages or percent
}

// Seen is one event of a live trace. It is valid during the call that it comes
// with.
type Seen struct {
	Event event.Event
	// Line is the event in words; What is empty for those that say nothing that
	// another does not say too.
	Line timeline.Line
	// SinceStart is the time since the trace began.
	SinceStart time.Duration

	site func(addr, at uint64) event.Site
}

// JSON is the event as `kmodlab trace --json` prints it.
func (s *Seen) JSON() event.JSON {
	j := s.Event.JSON(s.site)
	if s.Line.What != "" {
		j.Words = s.Line.String()
	}
	return j
}

// watcher is the Watch as the run's rooms know it.
func (w Watch) watcher() notify.Watcher {
	n := notify.Watcher{Log: w.Log, Command: w.Command, Start: w.Start, Output: w.Output, Kmsg: w.Kmsg, Console: w.Console,
		Test: w.Test}
	if w.Phase != nil {
		n.Phase = func(p notify.Progress) { w.Phase(Progress(p)) }
	}
	if w.Event != nil {
		n.Event = func(s *notify.Seen) {
			w.Event(&Seen{Event: s.Event, Line: s.Line, SinceStart: s.SinceStart, site: s.Site})
		}
	}
	return n
}
