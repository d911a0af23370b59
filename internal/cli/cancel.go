// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// errInterrupted is the cause when a signal cancels a command's context.
var errInterrupted = errors.New("interrupted")

// grace is how long what a cancelled command is in the middle of may still take. Then it is left as it is: nothing can
// end a call that opens or reads a FIFO.
const grace = time.Second / 2

// keysElsewhere is set while Ctrl-C belongs to another program on the terminal, the pager.
var keysElsewhere atomic.Bool

// interruptible is a context that the first Ctrl-C or SIGTERM cancels; a second one ends the program at once, unless a
// command holds on.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	came := make(chan os.Signal, 4)
	ended := make(chan struct{})
	signal.Notify(came, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for {
			select {
			case s := <-came:
				switch {
				case s == syscall.SIGINT && keysElsewhere.Load():
				case ctx.Err() != nil:
					further(s)
				default:
					cancel(errInterrupted)
					if holding.Load() == nil {
						signal.Stop(came)
					}
				}
			case <-ended:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(came); cancel(nil); close(ended) }
}

// brief makes a command end soon after its context, whatever it waits for. It is for commands that leave nothing
// behind, wherever they are abandoned: no machine, and no file that removeAfter does not know of.
func brief(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		ended := make(chan error, 1)
		go func() { ended <- run(c, args) }()
		select {
		case err := <-ended:
			return interrupted(c, err)
		case <-c.Context().Done():
		}
		select {
		case err := <-ended:
			return interrupted(c, err)
		case <-time.After(2 * grace): // what fails after grace has time to clean up
			return context.Cause(c.Context())
		}
	}
}

// interrupted returns the cause if a signal cancelled the command's context, and with that what it did.
func interrupted(c *cobra.Command, err error) error {
	if cause := context.Cause(c.Context()); cause != nil && err != nil {
		return cause
	}
	return err
}

// leftHere is for a command that may run with --here: when it is interrupted after its run, as while it writes a file,
// nobody has looked yet whether the run has left anything on the machine.
func leftHere(here bool, site footprint.Machine, err error) error {
	_, looked := errors.AsType[*kmodlab.LeftError](err)
	if !here || looked || !errors.Is(err, errInterrupted) {
		return err
	}
	if left := site.Remains(); len(left) > 0 {
		return &kmodlab.LeftError{Left: left, Err: err}
	}
	return err
}

// stream is standard output or error. A write to a pipe that nobody reads, or to a terminal that was stopped, fails
// soon after the end of the context.
type stream struct {
	file *os.File
	ctx  context.Context
	late atomic.Bool // a write failed so; the next ones do not wait

	screen bool       // it is a terminal
	mu     sync.Mutex // of lines
	lines  io.Writer  // else a CI server may read it
}

// interruptibleWriter is w, if that is a file, as a stream.
func interruptibleWriter(ctx context.Context, w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok {
		return w
	}
	s := &stream{file: f, ctx: ctx, screen: term.IsTerminal(int(f.Fd()))}
	if !s.screen {
		s.lines = plain.Guard(waiting{s})
	}
	return s
}

// fileOf is the file that a writer writes to.
func fileOf(w io.Writer) (*os.File, bool) {
	switch w := w.(type) {
	case *os.File:
		return w, true
	case *stream:
		return w.file, true
	}
	return nil, false
}

// pipePart is what a pipe that is ready takes without waiting.
const pipePart = 4096

func (s *stream) Write(p []byte) (int, error) {
	if s.screen {
		return s.write(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.Write(p)
}

// waiting is a stream below its guard.
type waiting struct{ s *stream }

func (w waiting) Write(p []byte) (int, error) { return w.s.write(p) }

func (s *stream) write(p []byte) (int, error) {
	part := pipePart
	if s.screen {
		part = len(p) // a drawing is one write
	}
	done := 0
	for {
		if err := s.await(); err != nil {
			return done, err
		}
		n, err := s.file.Write(p[done:min(len(p), done+part)])
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// await returns when something can be written, or an error when the context ended and nothing can be.
func (s *stream) await() error {
	const look = grace / 10
	for left := grace; ; {
		fds := []unix.PollFd{{Fd: int32(s.file.Fd()), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, int(look.Milliseconds()))
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil // the write says what is wrong
		}
		if s.ctx.Err() == nil {
			continue
		}
		if left -= look; left <= 0 || s.late.Load() {
			s.late.Store(true)
			return context.Cause(s.ctx)
		}
	}
}

// pipe is a file that is no regular one. A write that waits fails soon after the end of the context.
type pipe struct {
	*os.File
	ctx context.Context
}

func (p *pipe) Write(data []byte) (int, error) {
	stop := context.AfterFunc(p.ctx, func() { p.SetWriteDeadline(time.Now().Add(grace)) })
	defer stop()
	return p.File.Write(data)
}

// openPipe opens what is no regular file. A FIFO that nobody reads is tried again until the context ends.
func openPipe(ctx context.Context, name string) (*pipe, error) {
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err == nil {
			if err := stillOurs(f, name); err != nil {
				f.Close()
				return nil, err
			}
			return &pipe{f, ctx}, nil
		}
		st, statErr := os.Stat(name)
		if !errors.Is(err, unix.ENXIO) || statErr != nil || st.Mode()&os.ModeNamedPipe == 0 {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(grace / 20):
		}
	}
}

// stillOurs refuses another user's FIFO that has come since the way to it was followed.
func stillOurs(f *os.File, name string) error {
	st, err := f.Stat()
	if err != nil || st.Mode().Type() != os.ModeNamedPipe {
		return err
	}
	return trusted(filepath.Dir(name), name, st)
}

// removeAfter removes a temporary file when the context ends, even if whoever writes it is stuck elsewhere. A file that
// is begun after that, as a trace's are after Ctrl-C, is written to its end.
func removeAfter(ctx context.Context, name string) (stop func() bool) {
	if ctx.Err() != nil {
		return func() bool { return false }
	}
	return context.AfterFunc(ctx, func() { os.Remove(name) })
}
