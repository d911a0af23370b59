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
	a = &lock{path: path, log: said, after: time.Hour}
	b = &lock{path: path, log: said, after: time.Millisecond, again: time.Millisecond}
	return a, b, said
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
	for _, want := range []string{"TestB has waited 0 s", ", TestA has them"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("a long wait is told as %q, without %q", said, want)
		}
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
