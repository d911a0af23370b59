// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/pty"
)

// pagerScript keeps the text that it gets, and the variable LESS, which less would read.
const pagerScript = `#!/bin/sh
cat >"$KEEP/text"
printf '%s' "$LESS" >"$KEEP/less"
echo paged
`

// reportOn shows the recorded demo on a terminal, with pagerScript as the pager. It returns the terminal, and the
// folder where pagerScript keeps its text.
func reportOn(t *testing.T, columns, rows int, env []string, args ...string) (*pty.Terminal, string) {
	t.Helper()
	keep := t.TempDir()
	if err := os.WriteFile(filepath.Join(keep, "pager"), []byte(pagerScript), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testlab.Kmodlab(t), append([]string{"report", "testdata/recording/demo-1.kmlab"}, args...)...)
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "NO_COLOR" && name != "LESS" && name != "PAGER" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "TERM=xterm", "KEEP="+keep, "PAGER="+keep+"/pager")
	cmd.Env = append(cmd.Env, env...)
	return pty.Start(t, cmd, columns, rows), keep
}

// TestPager checks that a text that is longer than the screen goes through the person's pager.
func TestPager(t *testing.T) {
	for _, test := range []struct {
		name          string
		columns, rows int
		env, args     []string
		paged, color  bool
	}{
		{"long", 80, 24, nil, nil, true, true},
		{"wide", 120, 24, nil, nil, true, true},
		{"it fits", 100, 200, nil, nil, false, true},
		{"no colour", 80, 24, []string{"NO_COLOR=1"}, nil, true, false},
		{"colour never", 80, 24, nil, []string{"--color", "never"}, true, false},
		{"colour always", 80, 24, []string{"NO_COLOR=1"}, []string{"--color", "always"}, true, true},
		{"cat", 80, 24, []string{"PAGER=cat"}, nil, false, true},
		{"none", 80, 24, []string{"PAGER="}, nil, false, true},
		{"none, for this once", 80, 24, nil, []string{"--no-pager"}, false, true},
		{"dumb terminal", 80, 24, []string{"TERM=dumb"}, nil, false, false},
		{"not there", 80, 24, []string{"PAGER=/nosuch/pager -x"}, nil, false, true},
		{"not executable", 80, 24, []string{"PAGER=/dev/null"}, nil, false, true},
		{"verbose", 80, 24, nil, []string{"-v"}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			term, keep := reportOn(t, test.columns, test.rows, test.env, test.args...)
			if status := term.Wait(30 * time.Second); status != 0 {
				t.Errorf("exit status %d", status)
			}
			term.Check()
			text := term.Raw()
			if test.paged {
				if term.Text() != "paged" {
					t.Errorf("beside the pager there is\n%s", term.Text())
				}
				kept, err := os.ReadFile(filepath.Join(keep, "text"))
				if err != nil {
					t.Fatal(err)
				}
				text = string(kept)
				if less, _ := os.ReadFile(filepath.Join(keep, "less")); string(less) != "-R" {
					t.Errorf("LESS is %q, so less would show colours as escapes", less)
				}
			}
			if !strings.Contains(text, "The story") || !strings.Contains(text, "2 modules loaded and unloaded") {
				t.Errorf("this is not the whole story:\n%s", text)
			}
			if colored := strings.Contains(text, "\x1b[1;32m"); colored != test.color {
				t.Errorf("coloured: %v", colored)
			}
			longest := 0
			for line := range strings.Lines(text) {
				longest = max(longest, pty.Columns(line))
			}
			if longest > test.columns || longest < test.columns*9/10 {
				t.Errorf("the longest line has %d of %d columns", longest, test.columns)
			}
		})
	}
}

// TestPagerKeys checks that the pager owns the terminal while it lives, so that Ctrl-C goes to the pager as well.
// However the pager ends, that is no failure.
func TestPagerKeys(t *testing.T) {
	const asks = `exec sh -c 'trap "echo interrupted" INT; cat >/dev/null; echo ready; until read -r x </dev/tty; do :; done; echo "read $x"'`
	term, _ := reportOn(t, 80, 24, []string{"PAGER=" + asks})
	limit := 20 * time.Second
	term.Await("the pager waits", limit, func(s string) bool { return strings.Contains(s, "ready") })
	for n := range 3 {
		term.Type("\x03")
		term.Await("it was interrupted", limit, func(s string) bool { return strings.Count(s, "interrupted") > n })
	}
	term.Type("key\n")
	if status := term.Wait(limit); status != 0 || !strings.Contains(term.Text(), "read key") {
		t.Errorf("exit status %d; the screen is\n%s", status, term.Text())
	}

	for _, early := range []string{"true", "head -1", "exit 3"} {
		term, _ := reportOn(t, 80, 24, []string{"PAGER=" + early}, "-v")
		status, text := term.Wait(limit), term.Text()
		if status != 0 || strings.Contains(text, "kmodlab:") || strings.Contains(text, "The story") {
			t.Errorf("%s: exit status %d; the screen is\n%s", early, status, text)
		}
	}
}

// TestPagerEnds: SIGTERM ends kmodlab while a pager shows its text, and the pager with it.
func TestPagerEnds(t *testing.T) {
	cmd := exec.Command(testlab.Kmodlab(t), "report", "testdata/recording/demo-1.kmlab", "-v")
	cmd.Env = append(os.Environ(), "TERM=xterm", "PAGER=cat >/dev/null; echo ready as $$; exec sleep 1000")
	term := pty.Start(t, cmd, 80, 24)
	limit := 20 * time.Second
	screen := term.Await("the pager waits", limit, func(s string) bool { return strings.Contains(s, "ready as") })
	_, pid, _ := strings.Cut(strings.TrimSpace(screen), "ready as ")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := term.Wait(2 * time.Second); status != 130 {
		t.Errorf("exit status %d; the screen is\n%s", status, term.Text())
	}
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Errorf("the pager, process %s, still runs", pid)
	}
}
