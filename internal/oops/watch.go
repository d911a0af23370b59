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
	printed  func(line string) bool
	bits     uint64        // of the reports that are to be checked
	final    bool          // one of them is final
	checking chan struct{} // closed when confirm has answered; nil while nothing is checked
	forgot   int           // how often Forget was called
}

// Confirm sets who is asked whether a report is the kernel's own, since a module can print anything. taint is the bit
// of the taint mask that the kernel sets with it, and final says that a kernel does not answer after such a report. It
// is asked in a goroutine of its own, and not for reports that leave no trace elsewhere.
func (w *Watch) Confirm(ask func(taint uint64, final bool) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.confirm = ask
}

// Except sets who knows which lines the modules print themselves: with these no report begins.
func (w *Watch) Except(printed func(line string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.printed = printed
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
	if h := headerOf(text); h != nil && (w.printed == nil || !w.printed(text)) {
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

// check has it asked whether a report is the kernel's own, after the one that is being checked.
func (w *Watch) check(bit uint64, final bool) {
	if final {
		w.final = true
	} else {
		w.bits |= bit
	}
	if w.checking == nil {
		w.checking = make(chan struct{})
		go w.checkAll()
	}
}

// checkAll checks until nothing is left to be checked. However many suspicious lines come, each round is one question.
func (w *Watch) checkAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		bits, final, forgot, ask := w.bits, w.final, w.forgot, w.confirm
		if final {
			bits, w.final = 0, false
		} else {
			w.bits = 0
		}
		w.mu.Unlock()
		own := ask(bits, final)
		w.mu.Lock()
		if own && forgot == w.forgot {
			w.close()
		}
		close(w.checking)
		if w.checking = nil; w.closed || w.bits == 0 && !w.final {
			return
		}
		w.checking = make(chan struct{})
	}
}

func (w *Watch) close() {
	if !w.closed {
		w.closed, w.rest = true, nil
		close(w.channel())
	}
}

// Forget takes back what was noticed so far: a kernel that still answers carries on.
func (w *Watch) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending, w.bits, w.final = nil, 0, false
	w.forgot++
	if w.closed {
		w.closed, w.crashed = false, nil
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
