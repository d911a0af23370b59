// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"testing"

	"github.com/kmodlab/kmodlab/internal/boot"
)

// TestAheadTake: a guest that was taken outlives the Ahead, and what the guest lives in
// is let go at its end. A caller's context that lives on would else keep something of
// every run.
func TestAheadTake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	want := new(boot.Guest)
	a := &Ahead{done: make(chan resumed, 1), cancel: cancel}
	a.done <- resumed{guest: want}
	g, release, err := a.take()
	if g != want || err != nil {
		t.Errorf("took %p, %v, want %p", g, err, want)
	}
	a.Close()
	a.Close()
	if ctx.Err() != nil {
		t.Fatal("the context of a guest that was taken ended with the Ahead")
	}
	release()
	if ctx.Err() == nil {
		t.Error("nothing ends the context of a guest that was taken")
	}
}
