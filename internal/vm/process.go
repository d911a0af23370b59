// SPDX-License-Identifier: MIT

package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one child that leads its own process group and dies with us.
type process struct {
	pid     int
	started time.Time
	ended   time.Time
	state   *os.ProcessState
	err     error         // what kept us from reaping it, normally nil
	output  *boundedLog   // its stdout and stderr
	done    chan struct{} // closed when it is reaped

	mu     sync.Mutex
	reaped bool // from here on the pid may belong to somebody else
}

// outputLimit is how much of QEMU's output is kept: its first complaints matter.
const outputLimit = 64 << 10

// startProcess runs path with files as descriptors 3, 4, … The caller keeps files and may close them afterwards.
func startProcess(path string, args []string, files []*os.File) (*process, error) {
	// stdin is a pipe at its end instead of /dev/null: QEMU reads nothing, and some containers lack the device.
	stdin, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	writer.Close()
	defer stdin.Close()

	p := &process{output: newBoundedLog(outputLimit), done: make(chan struct{})}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, p.output, p.output
	cmd.ExtraFiles = files
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	result := make(chan error)
	go p.run(cmd, result)
	if err := <-result; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// run starts and reaps the child on one thread: Pdeathsig fires when the thread that forked ends, and Go ends threads
// as it likes.
func (p *process) run(cmd *exec.Cmd, result chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	p.started = time.Now()
	if err := cmd.Start(); err != nil {
		result <- err
		return
	}
	p.pid = cmd.Process.Pid
	// QEMU aborts if KVM misbehaves, which would leave a core file in the folder.
	unix.Prlimit(p.pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	result <- nil

	for {
		// WNOWAIT leaves a zombie, which keeps the group's number ours until its other members are killed.
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	unix.Kill(-p.pid, unix.SIGKILL)
	p.reaped = true
	p.mu.Unlock()

	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		p.err = err
	}
	p.ended = time.Now()
	p.state = cmd.ProcessState
	close(p.done)
}

// kill ends the whole group at once. It does not wait.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// wait waits until the process is reaped, which a child in uninterruptible sleep delays.
func (p *process) wait(limit time.Duration) error {
	select {
	case <-p.done:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("stop QEMU: process %d did not die within %s of SIGKILL", p.pid, limit)
	}
}
