// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// A limit's time passes only while nobody debugs, and begins anew after that.
func TestHold(t *testing.T) {
	const limit = 50 * time.Millisecond
	var h hold
	if h.Held() {
		t.Error("it is held before anybody debugs")
	}
	ctx, cancel := h.Within(t.Context(), limit)
	defer cancel()
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Errorf("a limit that nobody holds ends with %v", context.Cause(ctx))
	}

	release := h.begin()
	ctx, cancel = h.Within(t.Context(), limit)
	defer cancel()
	slept := make(chan bool, 1)
	go func() { slept <- h.Sleep(t.Context(), limit) }()
	select {
	case <-ctx.Done():
		t.Fatalf("a limit that is held ends: %v", context.Cause(ctx))
	case <-slept:
		t.Fatal("a sleep that is held ends")
	case <-time.After(4 * limit):
	}
	released := time.Now()
	release()
	<-ctx.Done()
	if passed := time.Since(released); passed < limit || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Errorf("it ends %v after the release, with %v", passed, context.Cause(ctx))
	}
	if !<-slept || h.Held() {
		t.Error("still held")
	}

	h.begin()
	ctx, cancel = context.WithCancel(t.Context())
	go func() { slept <- h.Sleep(ctx, limit) }()
	cancel()
	if <-slept {
		t.Error("a sleep whose context has ended says that its time has passed")
	}
}

// A core is written once, and a failure says why there is none.
func TestCoreOnce(t *testing.T) {
	c := NewCore(t.TempDir())
	if c.Err == nil {
		t.Error("a run without a machine has a core")
	}
	n := 0
	for range 2 {
		c.take(func(_ context.Context, f *os.File) error {
			n++
			_, err := f.WriteString("memory")
			return err
		})
	}
	if n != 1 || c.Err != nil || c.File == nil {
		t.Errorf("written %d times, %v", n, c.Err)
	}
	c.File.Close()
	broken := errors.New("QEMU says no")
	c = NewCore(t.TempDir())
	c.take(func(context.Context, *os.File) error { return broken })
	if !errors.Is(c.Err, broken) || c.File != nil {
		t.Errorf("a dump that fails: %v", c.Err)
	}
}
