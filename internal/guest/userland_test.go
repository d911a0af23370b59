// SPDX-License-Identifier: MIT

package guest

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOnOwnThread: what changes its thread's namespaces never has the main thread. Go gives that one to any goroutine,
// so there are many here.
func TestOnOwnThread(t *testing.T) {
	var all sync.WaitGroup
	tids := make(chan int, 2000)
	for range cap(tids) {
		all.Add(1)
		onOwnThread(func() {
			defer all.Done()
			tids <- unix.Gettid()
		})
	}
	all.Wait()
	close(tids)
	for tid := range tids {
		if tid == unix.Getpid() {
			t.Fatal("it had the main thread")
		}
	}
}
