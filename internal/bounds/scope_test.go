// SPDX-License-Identifier: MIT

package bounds

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd plays a user's systemd: a program that runs a command, and the folder of this process's control group, with
// these files in it.
func systemd(t *testing.T, files map[string]string) (path, root string) {
	t.Helper()
	top := t.TempDir()
	path, root = filepath.Join(top, "systemd-run"), filepath.Join(top, "cgroup")
	program := "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n"
	if err := os.WriteFile(path, []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	group := ""
	for line := range strings.Lines(string(list)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			group = at
		}
	}
	if err := os.MkdirAll(root+group, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root+group, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path, root
}

// TestScopeLimits: a scope counts only if its own files say that it is bounded.
func TestScopeLimits(t *testing.T) {
	for name, c := range map[string]struct {
		memory, pids string
		says         string // "" if it is bounded
	}{
		"bounded":        {"67108864\n", "16\n", ""},
		"tighter":        {"4096\n", "1\n", ""},
		"no memory":      {"max\n", "16\n", "memory.max of its scope is max"},
		"no processes":   {"67108864\n", "max\n", "pids.max of its scope is max"},
		"too much":       {"67108865\n", "16\n", "memory.max of its scope is 67108865"},
		"not delegated":  {"", "16\n", "memory.max of its scope is missing"},
		"nothing at all": {"", "", "Delegate=memory pids"},
	} {
		files := map[string]string{"memory.max": c.memory, "pids.max": c.pids}
		for file, text := range files {
			if text == "" {
				delete(files, file)
			}
		}
		err := tryScope(systemd(t, files))
		if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestScopeFails: the words of a systemd that refuses are told.
func TestScopeFails(t *testing.T) {
	path, root := systemd(t, nil)
	refuse := "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n"
	if err := os.WriteFile(path, []byte(refuse), 0o755); err != nil {
		t.Fatal(err)
	}
	err := tryScope(path, root)
	if err == nil || !strings.Contains(err.Error(), "exit status 1: Failed to connect to bus") {
		t.Errorf("%v", err)
	}
}

// TestScopeShortage: that something was killed for memory, and for whose, is what the scope's own counters say.
func TestScopeShortage(t *testing.T) {
	const count = "low 0\nhigh 0\nmax 9\n"
	for name, c := range map[string]struct {
		line, counters, out string
		exit                int
		want                Shortage
	}{
		"fine":             {"echo x", count + "oom 0\noom_kill 0\n", "x\n", 0, NoShortage},
		"failed":           {"exit 7", count + "oom 0\noom_kill 0\n", "", 7, NoShortage},
		"killed itself":    {"kill -9 $$", count + "oom 0\noom_kill 0\n", "", 137, NoShortage},
		"for the group":    {"exit 2", count + "oom 1\noom_kill 3\noom_group_kill 0\n", "", 2, GroupShortage},
		"for others":       {"exit 2", count + "oom 0\noom_kill 1\n", "", 2, MachineShortage},
		"ended by systemd": {"kill -TERM $PPID; echo x", count + "oom 1\noom_kill 1\n", "x\n", 0, GroupShortage},
		"no counters":      {"exit 2", "", "", 2, NoShortage},
		"forged":           {"echo oom_kill 9 >&0; cat", "", "", 0, NoShortage},
	} {
		path, root := systemd(t, map[string]string{"memory.events": c.counters})
		g := &Group{group: &scope{path: path, root: root, limits: Limits{64 << 20, 16}}}
		cmd := exec.Command("/bin/sh", "-c", c.line)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := g.Start(cmd); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // the exit status is looked at
		if exit := cmd.ProcessState.ExitCode(); exit != c.exit || out.String() != c.out {
			t.Errorf("%s: exit status %d, want %d; %q", name, exit, c.exit, out.String())
		}
		for range 2 { // it is asked as often as one likes
			if got := g.Shortage(); got != c.want {
				t.Errorf("%s: shortage %v, want %v", name, got, c.want)
			}
		}
		if err := g.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestScopeKilled: a scope of which nobody was left to say anything accuses nobody, and nothing waits for it.
func TestScopeKilled(t *testing.T) {
	path, root := systemd(t, map[string]string{"memory.events": "oom 1\noom_kill 1\n"})
	g := &Group{group: &scope{path: path, root: root, limits: Limits{64 << 20, 16}}}
	cmd := exec.Command("/bin/sh", "-c", "kill -9 $PPID")
	if err := g.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || g.Shortage() != NoShortage {
		t.Errorf("%v, shortage %v", err, g.Shortage())
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
