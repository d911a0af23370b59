// SPDX-License-Identifier: MIT

package oops

import (
	"bytes"
	"strings"
	"sync"
)

// Watch reads a kernel's log as it comes and notices the first report after which a
// kernel does not carry on in order. The zero value is ready; it can be used by
// several goroutines. It is for who waits: what happened, Parse tells.
type Watch struct {
	mu      sync.Mutex
	rest    []byte        // of a line that has not ended
	crashed chan struct{} // closed by such a report
	closed  bool
}

// maxRest bounds a line without an end.
const maxRest = 4 * maxLineBytes

// Write takes more of the log. It never fails.
func (w *Watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(p), nil
	}
	text := append(w.rest, p...)
	end := bytes.LastIndexByte(text, '\n') + 1
	for _, l := range splitLines(text[:end]) {
		if h := headerOf(l.text); h != nil && !h.goesOn() {
			w.closed, w.rest = true, nil
			close(w.channel())
			return len(p), nil
		}
	}
	w.rest = bytes.Clone(text[end:])
	w.rest = w.rest[:min(len(w.rest), maxRest)]
	return len(p), nil
}

// Crashed is closed once there was such a report.
func (w *Watch) Crashed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.channel()
}

// HasCrashed reports whether there was such a report.
func (w *Watch) HasCrashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func (w *Watch) channel() chan struct{} {
	if w.crashed == nil {
		w.crashed = make(chan struct{})
	}
	return w.crashed
}

// goesOn is result.Crash.GoesOn, of which no more than the header is there yet.
func (h *header) goesOn() bool { return strings.HasPrefix(h.title, "WARNING") || h.kind == "oom-kill" }
