// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"sync"
	"time"
)

// While a person debugs, the machine may stand, and nothing that it is asked has an answer: no wait for it ends then,
// and nothing is judged. All limits begin anew when the person has left.

// hold says whether somebody debugs. The zero value says no.
type hold struct {
	mu   sync.Mutex
	over chan struct{} // closed when the debugging has ended; nil before it began
}

// begin holds all limits, until the function that is returned is called.
func (h *hold) begin() (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	over := make(chan struct{})
	h.over = over
	return sync.OnceFunc(func() { close(over) })
}

var never = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Released is closed as long as nobody debugs.
func (h *hold) Released() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over == nil {
		return never
	}
	return h.over
}

// Held reports whether somebody debugs.
func (h *hold) Held() bool {
	select {
	case <-h.Released():
		return false
	default:
		return true
	}
}

// Within is context.WithTimeout, whose time passes only while nobody debugs. Its cause is context.DeadlineExceeded.
func (h *hold) Within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if !h.Held() {
		return context.WithTimeout(ctx, limit)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		if h.Sleep(ctx, limit) {
			cancel(context.DeadlineExceeded)
		}
	}()
	return ctx, func() { cancel(nil) }
}

// Sleep waits, for a time that passes only while nobody debugs. It reports false if the context ended first.
func (h *hold) Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-h.Released():
	case <-ctx.Done():
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
