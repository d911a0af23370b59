// SPDX-License-Identifier: MIT

package needs

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// processes are two locks of one file, as two processes have them.
func processes(t *testing.T) (a, b *lock, said *bytes.Buffer) {
	path := filepath.Join(t.TempDir(), "vm.lock")
	said = new(bytes.Buffer)
	return &lock{path: path, log: said, after: time.Hour}, &lock{path: path, log: said, after: time.Millisecond, again: time.Millisecond}, said
}

// TestLock: another process waits until the last test of the holder has ended.
func TestLock(t *testing.T) {
	a, b, said := processes(t)
	for range 2 { // a test and its subtest
		if err := a.take(t.Context(), "TestA"); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan error)
	go func() { got <- b.take(context.WithoutCancel(t.Context()), "TestB") }()
	for range 2 {
		select {
		case err := <-got:
			t.Fatalf("two processes hold the lock (%v)", err)
		case <-time.After(30 * time.Millisecond):
		}
		a.release()
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if text := said.String(); !strings.Contains(text, "TestB has waited 0 s") || !strings.Contains(text, ", TestA has them") {
		t.Errorf("a long wait is not told: %q", text)
	}
	b.release()
	if err := a.take(t.Context(), "TestA"); err != nil {
		t.Fatal(err)
	}
	a.release()
}

// TestLockGivesUp: a wait ends with its context, and holds nothing then.
func TestLockGivesUp(t *testing.T) {
	a, b, _ := processes(t)
	if err := a.take(t.Context(), "TestA"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.take(ctx, "TestB"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("took a lock that another holds: %v", err)
	}
	a.release()
	if err := b.take(t.Context(), "TestB"); err != nil {
		t.Error(err)
	}
	b.release()
}
