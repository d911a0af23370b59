// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// children are the processes that the agent has started and waits for. All other children of PID 1 are orphans, which
// the kernel gives to it: the agent collects them, for a dead process that nobody collects counts against the bound of
// the tests' processes.
type children struct {
	mu       sync.Mutex
	starting int // processes that may be born and are not in own yet
	own      map[int]bool
	late     bool           // an orphan may have ended while a process was born
	ended    chan os.Signal // SIGCHLD; nil for an agent that is not PID 1
}

// start starts a process of the agent's own. No lock is held meanwhile: a start may hang in the kernel.
func (c *children) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	c.starting++
	c.mu.Unlock()
	err := cmd.Start()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting--; c.starting == 0 && c.late {
		c.late = false
		select {
		case c.ended <- unix.SIGCHLD:
		default: // one is there
		}
	}
	if err != nil {
		return err
	}
	if c.own == nil {
		c.own = map[int]bool{}
	}
	c.own[cmd.Process.Pid] = true
	return nil
}

// wait waits for a process of the agent's own. Once it returns, an orphan may have the same PID.
func (c *children) wait(cmd *exec.Cmd) {
	cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.own, cmd.Process.Pid)
}

// orphans are the children that the kernel gives to the main thread of PID 1.
const orphans = "/proc/self/task/1/children"

// reap collects the orphans that have ended. It takes no status of an own process: while one is being born, it does
// nothing but have itself called again.
func (c *children) reap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting > 0 {
		c.late = true
		return
	}
	list, err := os.ReadFile(orphans) // the kernel may lack it
	if err != nil {
		return
	}
	for word := range bytes.FieldsSeq(list) {
		pid, err := strconv.Atoi(string(word))
		if err != nil || c.own[pid] {
			continue
		}
		unix.Wait4(pid, nil, unix.WNOHANG, nil) // one that still lives stays
	}
}

// reapOrphans has orphans collected as they end.
func (c *children) reapOrphans() {
	c.ended = make(chan os.Signal, 1) // one that comes during a reap is not missed
	signal.Notify(c.ended, unix.SIGCHLD)
	go func() {
		for range c.ended {
			c.reap()
		}
	}()
}
