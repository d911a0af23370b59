// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is the person's terminal while a program in the guest has it: each key goes there as it is typed, and nothing
// of what comes back is changed. It is put right whatever ends that.
type screen struct {
	in, out *os.File
	resized chan struct{} // told that the size may have changed
	kill    chan struct{} // closed when the person has typed the escape, or the terminal is gone

	mu      sync.Mutex
	before  *term.State // nil while the terminal is as it was
	changed sync.Cond
	typed   []byte // that was not read yet
	over    bool   // nothing follows
	killed  sync.Once

	shown *modes // what is written to out

	wake    *os.File // written to when the reading of keys is to end
	signals chan os.Signal
	working sync.WaitGroup
}

// mostTyped bounds what was typed, or pasted, and not yet taken by the guest. What is beyond it is dropped, with a
// bell: the keys that end a shell which hangs must be read in any case.
const mostTyped = 8 << 20

// newScreen is that terminal. What the program prints is written to shown.
func newScreen(in, out *os.File, shown io.Writer) *screen {
	s := &screen{in: in, out: out, resized: make(chan struct{}, 1), kill: make(chan struct{})}
	s.shown = &modes{w: shown}
	s.changed.L = &s.mu
	return s
}

// begin gives the terminal to the program. It ends with the context at the latest.
func (s *screen) begin(ctx context.Context) error {
	end, wake, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := s.makeRaw(); err != nil {
		end.Close()
		wake.Close()
		return err
	}
	s.wake, s.signals = wake, make(chan os.Signal, 4)
	signal.Notify(s.signals, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT)
	s.working.Go(s.follow)
	s.working.Go(func() { defer end.Close(); s.readKeys(end) })
	context.AfterFunc(ctx, s.abandon)
	return nil
}

// abandon takes the terminal back from a program that has not ended.
func (s *screen) abandon() {
	s.mu.Lock()
	taken := s.before != nil
	s.mu.Unlock()
	s.restore()
	if taken {
		s.out.WriteString(s.shown.undo() + "\x1b[m\n")
	}
}

// end takes the terminal back from a program that has ended, perhaps because it was killed.
func (s *screen) end() {
	if s.wake != nil {
		signal.Stop(s.signals)
		close(s.signals)
		s.wake.Close()
		s.working.Wait()
		s.wake = nil
		s.restore()
		if undo := s.shown.undo(); undo != "" {
			s.out.WriteString(undo + "\x1b[m\n")
		}
	}
	s.restore()
}

func (s *screen) makeRaw() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		return nil
	}
	before, err := term.MakeRaw(int(s.in.Fd()))
	s.before = before
	return err
}

// restore puts the terminal right. It can be called at any time, and again.
func (s *screen) restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		term.Restore(int(s.in.Fd()), s.before)
		s.before = nil
	}
}

// follow does what signals ask for. The keys that send them go to the guest; these come from other programs.
func (s *screen) follow() {
	for sig := range s.signals {
		switch sig {
		case syscall.SIGTSTP: // stop as a program with a plain terminal
			s.restore()
			syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		case syscall.SIGCONT:
			if s.inForeground() {
				s.restore() // whoever was in the foreground meanwhile may have changed it
				s.makeRaw()
			}
		}
		select {
		case s.resized <- struct{}{}:
		default:
		}
	}
}

// inForeground reports whether the terminal is ours to change.
func (s *screen) inForeground() bool {
	group, err := unix.IoctlGetInt(int(s.in.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// Size is that of the terminal.
func (s *screen) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(s.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

// readKeys reads what is typed until end can be read. Keys that come after it are left to the next program.
func (s *screen) readKeys(end *os.File) {
	keys := escapes{atBegin: true}
	buf := make([]byte, 32<<10)
	for {
		fds := []unix.PollFd{{Fd: int32(s.in.Fd()), Events: unix.POLLIN}, {Fd: int32(end.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		}
		if fds[1].Revents != 0 {
			s.add(nil, true)
			return
		}
		n, err := unix.Read(int(s.in.Fd()), buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n <= 0 { // the terminal is gone
			s.giveUp()
			return
		}
		typed, kill := keys.filter(buf[:n])
		if kill {
			s.killed.Do(func() { close(s.kill) })
		}
		if !s.add(typed, false) {
			s.out.WriteString("\a")
		}
	}
}

// giveUp ends the program: nobody can type for it.
func (s *screen) giveUp() {
	s.add(nil, true)
	s.killed.Do(func() { close(s.kill) })
}

// add adds to what was typed. It is false if there is no room for it.
func (s *screen) add(typed []byte, over bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = s.over || over
	s.changed.Broadcast()
	if len(s.typed)+len(typed) > mostTyped {
		return false
	}
	s.typed = append(s.typed, typed...)
	return true
}

// Read reads what was typed.
func (s *screen) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.typed) == 0 && !s.over {
		s.changed.Wait()
	}
	if len(s.typed) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.typed)
	s.typed = s.typed[n:]
	return n, nil
}

// escapes finds what a person types for kmodlab itself, as in ssh: ~ and a dot at the beginning of a line. A second ~
// stands for one.
type escapes struct {
	atBegin bool // of a line
	tilde   bool // one is held back
}

// filter returns what is for the program.
func (e *escapes) filter(typed []byte) (rest []byte, kill bool) {
	if !e.tilde && !e.atBegin && !bytes.ContainsAny(typed, "\r\n") {
		return typed, false
	}
	for _, c := range typed {
		held := e.tilde
		e.tilde = false
		switch {
		case held && c == '.':
			return rest, true
		case held && c == '~':
		case held:
			rest = append(rest, '~')
		case e.atBegin && c == '~':
			e.tilde, e.atBegin = true, false
			continue
		}
		rest = append(rest, c)
		e.atBegin = c == '\r' || c == '\n'
	}
	return rest, false
}
