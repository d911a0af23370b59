// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// A program that is connected to the host's streams: what it reads comes with calls of its own, and what it writes
// waits for the host to take it.

// connect gives a program its streams, and returns its own ends of them, which are closed once it runs.
func (r *running) connect(cmd *exec.Cmd, s *wire.StreamArgs) (theirs []*os.File, err error) {
	if s != nil && s.Terminal != nil {
		return r.onTerminal(cmd, *s.Terminal)
	}
	defer func() {
		if err != nil {
			closeAll(theirs)
		}
	}()
	output, err := r.pipe(&r.output)
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, output)
	cmd.Stdout, cmd.Stderr = output, output
	if s == nil {
		return theirs, nil
	}
	if s.Apart {
		errors, err := r.pipe(&r.errors)
		if err != nil {
			return theirs, err
		}
		theirs = append(theirs, errors)
		cmd.Stderr = errors
	}
	if s.Input {
		input, write, err := os.Pipe()
		if err != nil {
			return theirs, fmt.Errorf("create a pipe: %w", err)
		}
		r.stdin, theirs = write, append(theirs, input)
		cmd.Stdin = input
	}
	return theirs, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// onTerminal gives a program a new terminal, which its session controls. It is called on the thread of the userland, so
// that the terminal's name is right there.
func (r *running) onTerminal(cmd *exec.Cmd, size wire.Size) ([]*os.File, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	r.output = os.NewFile(uintptr(fd), "/dev/ptmx") // which close closes
	r.stdin = r.output
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlock the terminal: %w", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("find the terminal's number: %w", err)
	}
	if err := setSize(r.output, size); err != nil {
		return nil, err
	}
	name := "/dev/pts/" + strconv.FormatUint(uint64(n), 10)
	terminal, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	if c := cmd.SysProcAttr.Credential; c != nil {
		os.Chown(name, int(c.Uid), -1)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = false, true, true // Ctty is 0
	return []*os.File{terminal}, nil
}

// setSize sets a terminal's size. The kernel then sends SIGWINCH to the programs in its foreground.
func setSize(terminal *os.File, s wire.Size) error {
	conn, err := terminal.SyscallConn() // Fd would make it block
	if err != nil {
		return err
	}
	failed := conn.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: s.Columns, Row: s.Rows})
	})
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("set the terminal's size: %w", err)
	}
	return nil
}

// streamed returns a function that forwards what a program writes, each of its streams until all that may write to it
// have ended. done is closed then.
func (a *Agent) streamed(r *running, call *wire.Message, size int64) (done chan struct{}) {
	r.window = newWindow(size)
	done = make(chan struct{})
	var all sync.WaitGroup
	for op, from := range map[string]*os.File{wire.OpOutput: r.output, wire.OpErrors: r.errors} {
		if from == nil {
			continue
		}
		all.Go(func() {
			forward(gathered{from}, func(p []byte) error {
				if !r.window.wait(len(p)) {
					return io.ErrClosedPipe
				}
				return a.server.Output(call, op, p)
			})
		})
	}
	go func() { all.Wait(); close(done) }()
	return done
}

// gathered reads more at once where much comes: a terminal gives 4 KiB at most, and each message costs a millisecond or
// more under emulation. The echo of a key does not wait.
type gathered struct{ *os.File }

const (
	muchOutput = 512                  // bytes
	gatherTime = 3 * time.Millisecond // between two parts
)

func (g gathered) Read(p []byte) (int, error) {
	n, err := g.File.Read(p)
	if n < muchOutput || err != nil {
		return n, err
	}
	defer g.SetReadDeadline(time.Time{})
	for n < len(p) {
		g.SetReadDeadline(time.Now().Add(gatherTime))
		more, err := g.File.Read(p[n:])
		n += more
		if err != nil || more == 0 {
			break // the next call says what it is, if it is not the deadline
		}
	}
	return n, nil
}

// drained waits until what a program has written is on its way, however long the host takes for that. A process that
// hangs in the kernel may hold a stream open; then nothing comes.
func (r *running) drained(done <-chan struct{}, hostGone <-chan struct{}) {
	defer r.window.close()
	const look = time.Second / 2
	for idle := 0; idle < 2; idle++ {
		select {
		case <-done:
			return
		case <-hostGone:
			return
		case <-time.After(look):
		}
		if r.window.busy() {
			idle = 0
		}
	}
}

// window bounds the output that is on its way to the host.
type window struct {
	mu          sync.Mutex
	changed     sync.Cond
	size        int64
	sent, taken int64
	waiting     int
	moved       bool // since it was asked
	closed      bool
}

func newWindow(size int64) *window {
	w := &window{size: size}
	w.changed.L = &w.mu
	return w
}

// wait waits until n more bytes may be sent. It is false if nothing may be sent any more.
func (w *window) wait(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting++
	for !w.closed && w.sent > w.taken && w.sent+int64(n)-w.taken > w.size {
		w.changed.Wait()
	}
	w.waiting--
	w.moved, w.sent = true, w.sent+int64(n)
	return !w.closed
}

// take notes how much the host has taken, in all.
func (w *window) take(total int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken = max(w.taken, min(total, w.sent))
	w.changed.Broadcast()
}

// busy reports whether something waits for the host, or was sent since it was last asked.
func (w *window) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	moved := w.moved
	w.moved = false
	return moved || w.waiting > 0
}

func (w *window) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.changed.Broadcast()
}

// connected is a program that runs with the host's streams.
func (a *Agent) connected(pid int) (*running, error) {
	r := a.programs.find(pid)
	if r == nil || r.window == nil {
		return nil, fmt.Errorf("no program with streams has PID %d", pid)
	}
	return r, nil
}

// input gives bytes to a program. It returns when they were taken.
func (a *Agent) input(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.InputArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	r, err := a.connected(args.PID)
	if err != nil || r.stdin == nil {
		return &wire.InputResult{Closed: true}, nil, nil // it has just ended
	}
	_, err = r.stdin.Write(call.Blob)
	if args.EOF && r.stdin != r.output {
		r.stdin.Close()
	}
	return &wire.InputResult{Closed: err != nil}, nil, nil
}

func (a *Agent) taken(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.TakenArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	r, err := a.connected(args.PID)
	if err != nil {
		return nil, nil, nil // it has just ended
	}
	for _, gone := range args.Gone {
		switch {
		case gone == wire.OpOutput:
			r.output.Close()
		case r.errors != nil:
			r.errors.Close()
		}
	}
	r.window.take(args.Bytes)
	return nil, nil, nil
}

func (a *Agent) resize(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.ResizeArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	r, err := a.connected(args.PID)
	if err != nil || r.stdin != r.output {
		return nil, nil, nil
	}
	return nil, nil, setSize(r.output, args.Size)
}

// kill has a program ended, with all that it started.
func (a *Agent) kill(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.KillArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	if r := a.programs.find(args.PID); r != nil {
		select {
		case r.unwanted <- struct{}{}: // has room for one
		default:
		}
	}
	return nil, nil, nil
}
