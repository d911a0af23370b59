// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
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

// prompt is the shell's, at the end of what it has written.
var prompt = regexp.MustCompile(`(?s)kmodlab \S+:\S+# $`)

// aShell is a shell on a terminal, with its prompt.
func aShell(t *testing.T, args ...string) *term.Terminal {
	t.Helper()
	s := onTerminal(t, 100, 30, append([]string{"shell"}, args...)...)
	awaitPrompt(s, 5*time.Minute)
	return s
}

func awaitPrompt(s *term.Terminal, limit time.Duration) {
	s.Await("a prompt", limit, func(string) bool { return prompt.MatchString(s.Raw()) })
}

// types types a line, and returns what has come when the next prompt is there.
func types(s *term.Terminal, line string) string {
	before := len(s.Raw())
	s.Type(line + "\r")
	s.Await("the prompt after "+line, time.Minute, func(string) bool {
		raw := s.Raw()
		return len(raw) > before+len(line) && prompt.MatchString(raw)
	})
	return told(s.Raw()[before:])
}

// told is what a shell printed, in lines, without what tells the terminal how to paste.
func told(raw string) string {
	return bracketed.ReplaceAllString(strings.ReplaceAll(raw, "\r", ""), "")
}

var bracketed = regexp.MustCompile(`\x1b\[\?2004[hl]`)

// sleeps types a command that waits, and returns when that has the terminal. A Ctrl-C that comes while the shell still
// starts a program may be the shell's.
func sleeps(s *term.Terminal) {
	s.Type("sh -c 'echo be''gun; exec sleep 1000'\r")
	s.Await("it waits", time.Minute, func(string) bool { return strings.HasSuffix(told(s.Raw()), "begun\n") })
}

// TestShell does on a terminal what people do: its size follows, Ctrl-C ends a program and Ctrl-Z stops one, the screen
// can be drawn on, and at the end the modules go and the verdict comes.
func TestShell(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	s := aShell(t, "../../modules/signals")
	for _, look := range []struct{ line, want string }{
		{"stty size", "\n30 100\n"},
		{"tty; echo $TERM $PWD", "\n/dev/pts/0\nxterm /lab\n"},
		{"lsmod | grep -c ^signal_handling", "\n1\n"},
		{"cat -v /proc/self/status >/dev/null; echo $? $((6*7))", "\n0 42\n"},
	} {
		if got := types(s, look.line); !strings.Contains(got, look.want) {
			t.Errorf("%s: %q, want %q", look.line, got, look.want)
		}
	}
	s.Resize(90, 25)
	s.Await("the new size", time.Minute, func(string) bool { return strings.Contains(types(s, "stty size"), "\n25 90\n") })

	sleeps(s)
	s.Type("\x03")
	awaitPrompt(s, time.Minute)
	if got := types(s, "echo $?"); !strings.Contains(got, "\n130\n") {
		t.Errorf("after Ctrl-C: %q", got)
	}
	sleeps(s)
	s.Type("\x1a")
	awaitPrompt(s, time.Minute)
	if got := types(s, "jobs"); !regexp.MustCompile(`\[1\]\+  Stopped +sh -c`).MatchString(got) {
		t.Errorf("after Ctrl-Z: %q", got)
	}
	s.Type("fg\r")
	s.Await("it goes on", time.Minute, func(string) bool {
		return regexp.MustCompile(`fg\nsh -c .*\n$`).MatchString(told(s.Raw()))
	})
	s.Type("\x03")
	awaitPrompt(s, time.Minute)

	s.Type("false\rexit\r") // the status of what was typed is nobody's verdict
	if status := s.Wait(2 * time.Minute); status != 0 {
		t.Errorf("exit status %d", status)
	}
	s.Check()
	verdict := regexp.MustCompile(`(?m)^pass: 2 modules loaded and unloaded`)
	if all := s.All(); !strings.Contains(all, "The story") || !verdict.MatchString(all) {
		t.Errorf("no story or no verdict:\n%s", all)
	}
}

// TestShellEnds: whatever ends it, the terminal is put right and no machine is left.
func TestShellEnds(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	for name, how := range map[string]struct {
		end    func(*term.Terminal)
		status int
	}{
		"SIGTERM": {func(s *term.Terminal) { s.Signal(syscall.SIGTERM) }, 130},
		"SIGQUIT": {func(s *term.Terminal) { s.Signal(syscall.SIGQUIT) }, 130},
		"escape":  {func(s *term.Terminal) { sleeps(s); s.Type("~.") }, 0},
		"escape after a paste": {func(s *term.Terminal) {
			s.Type("sleep 1000\r" + strings.Repeat(strings.Repeat("x", 70)+"\r", 1000) + "~.")
		}, 0},
		"panic": {func(s *term.Terminal) { s.Type("echo c >/proc/sysrq-trigger\r") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			t.Setenv("WORK", work)
			s := aShell(t)
			if s.Lines() {
				t.Error("the shell has the terminal in lines")
			}
			how.end(s)
			if status := s.Wait(2 * time.Minute); status != how.status {
				t.Errorf("exit status %d, want %d:\n%s", status, how.status, s.All())
			}
			if !s.Lines() {
				t.Error("the terminal is left raw")
			}
			if left := testlab.ProcessesOf(work); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestGoTest: go test runs a package's tests in the guest, which use the module's device, and gets its files.
func TestGoTest(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	driver, err := filepath.Abs("testdata/hw")
	if err != nil {
		t.Fatal(err)
	}
	test := func(env string, args ...string) (string, error) {
		run := "kmodlab exec --modules " + driver + " --"
		cmd := exec.Command("go", append([]string{"test", "-exec", run}, args...)...)
		cmd.Dir = "testdata/hwtest"
		path := filepath.Dir(testlab.Kmodlab(t)) + ":" + os.Getenv("PATH")
		cmd.Env = append(os.Environ(), "PATH="+path, "GOFLAGS=-mod=mod", env)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	profile := filepath.Join(t.TempDir(), "c.out")
	out, err := test("GODEBUG=", "-v", "-coverprofile", profile, "./...")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	there := "in " + filepath.Dir(driver) + "/hwtest\n"
	for _, want := range []string{"--- PASS: TestRead", there, "ok  \thw.test\t", "ok  \thw.test/other\t"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if data, err := os.ReadFile(profile); err != nil || !strings.Contains(string(data), "hw.test/hw.go:") {
		t.Errorf("the profile is %q, %v", data, err)
	}
	if strings.Contains(out, "kmodlab:") {
		t.Errorf("a pass says something of its own:\n%s", out)
	}
	out, err = test("GODEBUG=oops=1", ".")
	if err == nil || !strings.Contains(out, "kmodlab: oops: BUG: kernel NULL pointer dereference in hw_write") {
		t.Errorf("an oops ends in %v:\n%s", err, out)
	}
	out, err = test("GODEBUG=fail=1", ".")
	if err == nil || !strings.Contains(out, "as asked") || strings.Contains(out, "kmodlab:") {
		t.Errorf("a failure ends in %v:\n%s", err, out)
	}
}
