// SPDX-License-Identifier: MIT

package testlab

import (
	"testing"
	"time"
)

// eventually bounds the wait of Eventually. It is for what takes a moment, on a machine that is busy.
const eventually = 30 * time.Second

// Eventually waits for a state that something needs a moment to reach. what says which, as in "the process is gone".
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(eventually); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not so after %s: %s", eventually, what)
		}
	}
}
