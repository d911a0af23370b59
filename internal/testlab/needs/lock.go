// SPDX-License-Identifier: MIT

package needs

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/filelock"
)

// machines is the lock of this user's virtual machines for tests.
var machines = lock{
	path:  filepath.Join(os.TempDir(), fmt.Sprintf("kmodlab-test-vm-%d.lock", os.Getuid())),
	log:   os.Stderr,
	after: 10 * time.Second,
	again: time.Minute,
}

// lock is held by a process while at least one of its tests wants it, so tests that
// run in parallel and subtests of a holder never wait for each other. The kernel
// releases the file lock when the process ends, however it ends.
type lock struct {
	path         string
	log          io.Writer     // is told of a long wait
	after, again time.Duration // until it is told first, and then each time

	mu      sync.Mutex
	holders int
	file    *os.File
}

func (l *lock) take(ctx context.Context, who string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holders == 0 {
		stop := l.tell(who)
		f, err := filelock.Wait(ctx, l.path, nil)
		stop()
		if err != nil {
			return fmt.Errorf("reserve the virtual machines: %w", err)
		}
		f.Truncate(0)
		fmt.Fprintf(f, "%s[%d], %s", filepath.Base(os.Args[0]), os.Getpid(), who) // for whoever waits
		l.file = f
	}
	l.holders++
	return nil
}

func (l *lock) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holders--; l.holders == 0 {
		l.file.Close()
	}
}

// tell says now and then for whom this process waits, until it is stopped.
func (l *lock) tell(who string) (stop func()) {
	start, done := time.Now(), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for pause := l.after; ; pause = l.again {
			select {
			case <-done:
				return
			case <-time.After(pause):
			}
			holder, _ := os.ReadFile(l.path)
			fmt.Fprintf(l.log, "%s has waited %.0f s for the virtual machines; %s has them (%s)\n",
				who, time.Since(start).Seconds(), strings.TrimSpace(string(holder)), l.path)
		}
	})
	return func() {
		close(done)
		all.Wait()
	}
}
