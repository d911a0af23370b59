// SPDX-License-Identifier: MIT

package guest

import (
	"testing"
	"time"
)

// TestWindow: output waits while the host has not taken what came before, and no longer.
func TestWindow(t *testing.T) {
	w := newWindow(100)
	if !w.wait(300) || !w.busy() || w.busy() { // one part may be larger, or nothing would ever come
		t.Fatal("the first part waits")
	}
	passed := make(chan bool)
	pass := func(n int) { go func() { passed <- w.wait(n) }() }
	pass(60)
	select {
	case <-passed:
		t.Fatal("the second part does not wait")
	case <-time.After(20 * time.Millisecond):
	}
	if !w.busy() {
		t.Error("a window at which something waits is idle")
	}
	w.take(200)
	select {
	case <-passed:
		t.Fatal("100 bytes are on the way, and 60 more are sent")
	case <-time.After(20 * time.Millisecond):
	}
	w.take(270)
	w.take(250) // comes late
	if !<-passed {
		t.Error("an open window is closed")
	}
	w.take(1 << 40) // a host that lies gets no more than there is
	pass(100)
	<-passed
	pass(1)
	w.close()
	if <-passed || w.wait(1) {
		t.Error("a closed window lets something through")
	}
}
