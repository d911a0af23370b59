// SPDX-License-Identifier: MIT

package cli

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	term "github.com/kmodlab/kmodlab/internal/testlab/pty"
)

// gdbPrompt is at the end of what gdb has written.
var gdbPrompt = regexp.MustCompile(`\(gdb\) $`)

// aDebugger is gdb on a terminal, before the first init.
func aDebugger(t *testing.T, args ...string) *term.Terminal {
	t.Helper()
	needs.Program(t, "gdb")
	s := onTerminal(t, 100, 30, append([]string{"debug", "../../modules/signals"}, args...)...)
	s.Await("gdb's prompt", 5*time.Minute, func(string) bool { return gdbPrompt.MatchString(shown(s.Raw())) })
	return s
}

// shown is what a terminal shows of it, in lines.
func shown(raw string) string { return escapes.ReplaceAllString(strings.ReplaceAll(raw, "\r", ""), "") }

var escapes = regexp.MustCompile(`\x1b\[[?0-9;]*[a-zA-Z]`)

// asks types a command for gdb, and returns what has come when the next prompt is there.
func asks(s *term.Terminal, command string) string {
	before := len(s.Raw())
	s.Type(command + "\r")
	s.Await("the prompt after "+command, time.Minute, func(string) bool {
		raw := s.Raw()
		return len(raw) > before+len(command)+2 && gdbPrompt.MatchString(shown(raw[before+len(command):]))
	})
	return shown(s.Raw()[before:])
}

// TestDebug does on a terminal what people do: look, go on, stop the machine by Ctrl-C, leave.
func TestDebug(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	s := aDebugger(t, "--for", "1h")
	if got := asks(s, "bt"); !strings.Contains(got, "startup ()") || !strings.Contains(got, "in do_init_module ()") {
		t.Errorf("bt: %q", got)
	}
	s.Type("\x03") // at the prompt it is gdb's own
	s.Type("continue\r")
	s.Await("it goes on", time.Minute, func(string) bool { return strings.HasSuffix(shown(s.Raw()), "Continuing.\n") })
	// The second module is loaded by the first, and stops too.
	s.Await("the second init", time.Minute, func(string) bool { return gdbPrompt.MatchString(shown(s.Raw())) })
	if all := shown(s.Raw()); !strings.Contains(all, "send_signal.c") {
		t.Errorf("the second module is not known:\n%s", all)
	}
	s.Type("continue\r")
	s.Await("the machine runs", time.Minute, func(string) bool {
		return strings.HasSuffix(shown(s.Raw()), "Continuing.\n")
	})
	s.Type("\x03")
	s.Await("Ctrl-C", time.Minute, func(string) bool {
		return strings.Contains(shown(s.Raw()), "SIGINT") && gdbPrompt.MatchString(shown(s.Raw()))
	})
	if got := asks(s, "print period_ms"); !strings.Contains(got, "$1 = ") {
		t.Errorf("a module's variable: %q", got)
	}
	s.Signal(syscall.SIGTERM) // else it would be an hour
	if status := s.Wait(2 * time.Minute); status != 130 {
		t.Errorf("exit status %d:\n%s", status, s.All())
	}
	if !s.Lines() {
		t.Error("the terminal is left raw")
	}
}

// TestDebugEnds: whatever ends gdb, the terminal is put right, the verdict follows and no machine is left.
func TestDebugEnds(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	for name, end := range map[string]func(*term.Terminal){
		"quit":   func(s *term.Terminal) { s.Type("quit\r") },
		"Ctrl-D": func(s *term.Terminal) { s.Type("\x04") },
		"killed": func(s *term.Terminal) { s.Type("python import os; os.kill(os.getpid(), 9)\r") },
		"exits": func(s *term.Terminal) {
			for range 2 {
				asks(s, "continue")
			}
			s.Type("quit\r")
		},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			t.Setenv("WORK", work)
			s := aDebugger(t)
			end(s)
			if status := s.Wait(3 * time.Minute); status != 0 {
				t.Errorf("exit status %d:\n%s", status, s.All())
			}
			s.Check()
			if !s.Lines() {
				t.Error("the terminal is left raw")
			}
			verdict := regexp.MustCompile(`(?m)^pass: 2 modules loaded and unloaded`)
			if all := s.All(); !strings.Contains(all, "The story") || !verdict.MatchString(all) {
				t.Errorf("no story or no verdict:\n%s", all)
			}
			if left := testlab.ProcessesOf(work); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
