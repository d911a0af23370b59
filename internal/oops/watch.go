// SPDX-License-Identifier: MIT

package oops

import (
	"bytes"
	"strings"
	"sync"

	"github.com/kmodlab/kmodlab/result"
)

// Watch reads a kernel's log as it comes and notices the first report after which a kernel does not carry on in order.
// The zero value is ready; it can be used by several goroutines. It is for those who wait: Parse tells what happened.
type Watch struct {
	mu       sync.Mutex
	rest     []byte        // of a line that has not ended
	crashed  chan struct{} // closed by such a report
	closed   bool
	pending  *header // of a report whose body has not begun
	confirm  func(taint uint64, final bool) bool
	checking chan struct{} // closed when confirm has answered; nil while nothing is checked
}

// Confirm sets who is asked whether a report is the kernel's own, since a module can print anything. taint is the bit
// of the taint mask that the kernel sets with it, and final says that a kernel does not answer after such a report. It
// is asked in a goroutine of its own, and not for reports that leave no trace elsewhere.
func (w *Watch) Confirm(ask func(taint uint64, final bool) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.confirm = ask
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
		if w.line(l.text); w.closed {
			return len(p), nil
		}
	}
	w.rest = bytes.Clone(text[end:])
	w.rest = w.rest[:min(len(w.rest), maxRest)]
	return len(p), nil
}

// line takes one line. A report counts once its body begins; a panic may have none.
func (w *Watch) line(text string) {
	if h := headerOf(text); h != nil {
		w.pending = h
		if h.goesOn() || h.unsure() {
			w.pending = nil
		}
		if h.class != result.Panic {
			return
		}
	} else if w.pending == nil || !body.MatchString(text) {
		return
	}
	h := w.pending
	w.pending = nil
	bit, final := taintOf(h.kind, h.title), h.class == result.Panic
	if w.confirm == nil || bit == 0 && !final {
		w.close()
		return
	}
	w.check(bit, final)
}

// check asks whether a report is the kernel's own, unless another one is being checked.
func (w *Watch) check(bit uint64, final bool) {
	if w.checking != nil {
		return
	}
	done, ask := make(chan struct{}), w.confirm
	w.checking = done
	go func() {
		own := ask(bit, final)
		w.mu.Lock()
		defer w.mu.Unlock()
		if own {
			w.close()
		}
		w.checking = nil
		close(done)
	}()
}

func (w *Watch) close() {
	if !w.closed {
		w.closed, w.rest = true, nil
		close(w.channel())
	}
}

// Crashed is closed once there was such a report.
func (w *Watch) Crashed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.channel()
}

// HasCrashed reports whether there was such a report. While one is being checked, it waits for the answer.
func (w *Watch) HasCrashed() bool {
	w.mu.Lock()
	checking := w.checking
	w.mu.Unlock()
	if checking != nil {
		<-checking
	}
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

// unsure reports whether anything may follow the header's words, and nothing else tells of such a report: a module can
// print that line, and a stack after it.
func (h *header) unsure() bool { return h.kind == "bug" && taintOf(h.kind, h.title) == 0 }

// goesOn is result.Crash.GoesOn, of which no more than the header is there yet.
func (h *header) goesOn() bool { return strings.HasPrefix(h.title, "WARNING") || h.kind == "oom-kill" }
