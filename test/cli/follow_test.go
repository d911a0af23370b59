// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/testlab/pty"
)

// onTerminal starts the program on a terminal of its own.
func onTerminal(t *testing.T, columns, rows int, args ...string) *pty.Terminal {
	t.Helper()
	cmd := exec.Command(testlab.Kmodlab(t), args...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1", "TMPDIR="+t.TempDir())
	return pty.Start(t, cmd, columns, rows)
}

var (
	followHead = regexp.MustCompile(`(?m)^ +\d+\.\d s  \d+ tasks?, \d+ events?$`)
	followK1   = regexp.MustCompile(`(?m)^ +[\d.]+ m?s  K1\[\d+\] +(running|in request_module)\b`)
	// followLeft matches what the lanes draw and the story does not contain.
	followLeft = regexp.MustCompile(`tasks?, \d+ events?|with less recent activity| … |gets kthread`)
)

// TestFollow follows the pair on a terminal that becomes narrower and lower meanwhile. In the end the story stands
// where the lanes were.
func TestFollow(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	term := onTerminal(t, 120, 30, "run", "../../modules/signals", "--for", "6s", "--follow")
	term.Await("K1 has its lane", 5*time.Minute, func(s string) bool {
		return followHead.MatchString(s) && followK1.MatchString(s)
	})
	signal := func(s string) bool { return strings.Contains(s, "SIGUSR1 from K2[") }
	term.Await("a signal came", time.Minute, func(s string) bool { return signal(s) && strings.Contains(s, ": taken") })
	fits := func(columns, rows int) string {
		t.Helper()
		term.Resize(columns, rows)
		text := term.Await("it fits the terminal", 10*time.Second, func(s string) bool {
			return followK1.MatchString(s) && len(followHead.FindAllString(s, -1)) == 1 && strings.Count(s, "\n") < rows
		})
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > columns {
				t.Errorf("%d columns: %q", n, line)
			}
		}
		return text
	}
	fits(80, 30)
	if above := term.Above(); above != "" {
		t.Errorf("of lines that the narrow terminal wrapped there is left\n%s", above)
	}
	small := fits(80, 9)
	out := term.Above() // no program can take back what a lower terminal pushes out
	first := followHead.FindString(small)
	term.Await("the time goes on", 10*time.Second, func(s string) bool {
		return followHead.FindString(s) != first && followHead.MatchString(s)
	})
	term.Resize(100, 40)
	if status := term.Wait(2 * time.Minute); status != 0 {
		t.Errorf("exit status %d", status)
	}
	all := strings.TrimPrefix(term.All(), out)
	if !strings.Contains(all, "The story") || !regexp.MustCompile(`(?m)^pass: 2 modules`).MatchString(all) {
		t.Errorf("no story at the end:\n%s", all)
	}
	if left := followLeft.FindString(all); left != "" {
		t.Errorf("%q of the lanes is left:\n%s", left, all)
	}
	term.Check()
}

// TestFollowDemo checks that each command appears above the lanes when it ends, and only once.
func TestFollowDemo(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	term := onTerminal(t, 100, 40, "demo", "--follow")
	screen := term.Await("a command above the lanes", 5*time.Minute, func(s string) bool {
		return followHead.MatchString(s) && strings.Contains(s, "# modprobe signal_handling")
	})
	if strings.Index(screen, "# modprobe signal_handling") > followHead.FindStringIndex(screen)[0] {
		t.Errorf("the command is not above the lanes:\n%s", screen)
	}
	if status := term.Wait(2 * time.Minute); status != 0 {
		t.Errorf("exit status %d", status)
	}
	all := term.All()
	for _, once := range []string{
		"# depmod -a", "# modprobe signal_handling", "# lsmod", "# modinfo signal_handling",
		"The story", "pass: 2 modules",
	} {
		if n := strings.Count(all, once); n != 1 {
			t.Errorf("%q is there %d times", once, n)
		}
	}
	if left := followLeft.FindString(all); left != "" {
		t.Errorf("%q of the lanes is left:\n%s", left, all)
	}
	term.Check()
}

// TestFollowInterrupted types Ctrl-C while the lanes are drawn.
func TestFollowInterrupted(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	term := onTerminal(t, 80, 24, "run", "../../modules/signals", "--for", "1m", "--follow")
	term.Await("K1 has its lane", 5*time.Minute, func(s string) bool { return followK1.MatchString(s) })
	term.Type("\x03")
	if status := term.Wait(30 * time.Second); status != 130 {
		t.Errorf("exit status %d, want 130", status)
	}
	s := term.Text()
	if strings.TrimSpace(strings.ReplaceAll(s, "^C", "")) != "kmodlab: interrupted; nothing is left behind" {
		t.Errorf("the screen is\n%s", s)
	}
	term.Check()
}

// TestFollowPlain checks outputs that cannot be drawn over: they get a line for each event, and then the story.
func TestFollowPlain(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	line := regexp.MustCompile(`(?m)^ +[\d.]+ ms  K2\[\d+\] +sends SIGUSR1 to K1\[\d+\]`)
	check := func(t *testing.T, out string) {
		t.Helper()
		if i := strings.Index(out, "The story"); i < 0 || !line.MatchString(out[:i]) || strings.ContainsRune(out, '\x1b') {
			t.Errorf("no event before the story, no story, or an escape sequence:\n%q", out)
		}
	}
	t.Run("file", func(t *testing.T) {
		out, err := exec.Command(testlab.Kmodlab(t), "run", "../../modules/signals", "--for", "3s", "--follow").Output()
		if err != nil {
			t.Fatal(err)
		}
		check(t, string(out))
	})
	t.Run("dumb terminal", func(t *testing.T) {
		cmd := exec.Command(testlab.Kmodlab(t), "run", "../../modules/signals", "--for", "3s", "--follow")
		cmd.Env = append(os.Environ(), "TERM=dumb")
		term := pty.Start(t, cmd, 100, 30)
		if status := term.Wait(5 * time.Minute); status != 0 {
			t.Errorf("exit status %d", status)
		}
		check(t, term.Raw())
	})
	t.Run("reader goes", func(t *testing.T) {
		tmp := t.TempDir()
		const line = `{ "$0" run ../../modules/signals --for 1m --follow; echo "status $?" >&2; } | head -1`
		cmd := exec.Command("sh", "-c", line, testlab.Kmodlab(t))
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		start := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "status 3") || !strings.Contains(string(out), "write trace: ") {
			t.Errorf("%v after %s: %s", err, time.Since(start), out)
		}
		if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 || time.Since(start) > 50*time.Second {
			t.Errorf("after %s there are %v", time.Since(start), left)
		}
	})
}
