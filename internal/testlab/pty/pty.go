// SPDX-License-Identifier: MIT

// Package pty is for tests. It runs a program on a pseudo-terminal and reports what a person would see there.
package pty

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Terminal is a pseudo-terminal with a program on it.
type Terminal struct {
	t     testing.TB
	cmd   *exec.Cmd
	pty   *os.File
	ended chan error
	read  chan struct{} // closed when all output has been read

	mu     sync.Mutex
	screen *Screen
	raw    strings.Builder
}

// Start runs a command on a terminal of the given size. The terminal becomes the command's controlling terminal.
func Start(t testing.TB, cmd *exec.Cmd, columns, rows int) *Terminal {
	t.Helper()
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		t.Fatal(err)
	}
	p := &Terminal{
		t:      t,
		cmd:    cmd,
		pty:    f,
		ended:  make(chan error, 1),
		read:   make(chan struct{}),
		screen: NewScreen(columns, rows),
	}
	go p.receive()
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		f.Close()
	})
	return p
}

func (p *Terminal) receive() {
	defer close(p.read)
	buf := make([]byte, 64<<10)
	for {
		n, err := p.pty.Read(buf)
		p.mu.Lock()
		p.raw.Write(buf[:n])
		p.screen.Write(buf[:n])
		p.mu.Unlock()
		if err != nil {
			return // EIO: no process has the other side open any more
		}
	}
}

// Type sends keys to the program, as if a person typed them.
func (p *Terminal) Type(keys string) {
	p.t.Helper()
	if _, err := p.pty.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// Signal sends a signal to the program.
func (p *Terminal) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Lines reports whether the terminal is as a shell leaves it: it shows what is typed, and gives it on line by line.
func (p *Terminal) Lines() bool {
	p.t.Helper()
	state, err := unix.IoctlGetTermios(int(p.pty.Fd()), unix.TCGETS) // the master knows it too
	if err != nil {
		p.t.Fatal(err)
	}
	return state.Lflag&unix.ICANON != 0 && state.Lflag&unix.ECHO != 0 && state.Oflag&unix.OPOST != 0
}

// Resize changes the terminal's size. The kernel then sends SIGWINCH to the program.
func (p *Terminal) Resize(columns, rows int) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := pty.Setsize(p.pty, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		p.t.Fatal(err)
	}
	p.screen.Resize(columns, rows)
}

// Await waits until is accepts the screen, and returns the screen.
func (p *Terminal) Await(what string, limit time.Duration, is func(screen string) bool) string {
	p.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		text := p.Text()
		if is(text) {
			return text
		}
		if time.Now().After(end) {
			p.t.Fatalf("not so after %s: %s; the screen is\n%s", limit, what, text)
		}
	}
}

// Wait waits for the program's end and returns its exit status.
func (p *Terminal) Wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case err := <-p.ended:
		select {
		case <-p.read:
		case <-time.After(5 * time.Second):
			p.t.Fatal("the terminal is still held open")
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		if err != nil {
			p.t.Fatal(err)
		}
		return 0
	case <-time.After(limit):
		p.t.Fatalf("still there after %s; the screen is\n%s", limit, p.Text())
		return -1
	}
}

// Text returns what the screen shows.
func (p *Terminal) Text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.Text()
}

// Above returns what has scrolled off the top of the screen, where no program can change it.
func (p *Terminal) Above() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.screen.above, "\n")
}

// All returns the text above the screen and on it. Only text that was drawn over is missing.
func (p *Terminal) All() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.All()
}

// Raw returns everything that the program wrote.
func (p *Terminal) Raw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw.String()
}

// Check fails the test if the program left the terminal in a wrong state, or wrote sequences that are not known.
func (p *Terminal) Check() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.screen; s.Hidden || s.NoWrap || s.Colored || len(s.Unknown) > 0 {
		p.t.Errorf("the terminal is left with cursor hidden %v, no wrapping %v, a colour %v; it did not know %q",
			s.Hidden, s.NoWrap, s.Colored, s.Unknown)
	}
}
