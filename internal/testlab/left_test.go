// SPDX-License-Identifier: MIT

package testlab

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// start starts a line of shell and returns its pid. The end of the test kills the shell and its children.
func start(t *testing.T, line string, env ...string) int {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, p := range Descendants(cmd.Process.Pid) {
			if child, err := os.FindProcess(p.PID); err == nil {
				child.Kill()
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// TestLeftIn checks that LeftIn finds each kind of thing that can be left behind, so that a test with it can fail.
func TestLeftIn(t *testing.T) {
	work := t.TempDir()
	tmp := filepath.Join(work, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	if left := LeftIn(work, tmp); len(left) != 0 {
		t.Fatalf("in an empty folder there is left %q", left)
	}
	if left := LeftIn(work, t.TempDir()); len(left) != 1 || !strings.Contains(left[0], "not seen") {
		t.Errorf("temporary files elsewhere: %q", left)
	}
	socket, err := net.Listen("unix", filepath.Join(work, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := os.WriteFile(filepath.Join(tmp, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, "exec sleep 60", "WORK="+work)
	Eventually(t, "the process is seen", func() bool { // and is no shell any more: its next program has no words at first
		found := ProcessesOf(work)
		return len(found) == 1 && found[0].Argv0() == "sleep"
	})
	left := strings.Join(LeftIn(work, tmp), "\n")
	for _, want := range []string{"socket " + work + "/s", "temporary file " + tmp + "/file", "process "} {
		if !strings.Contains(left, want) {
			t.Errorf("no %q in %q", want, left)
		}
	}
}

// TestHalfMade checks the same of HalfMade: it finds what is half made in a cache.
func TestHalfMade(t *testing.T) {
	cache := t.TempDir()
	for _, dir := range []string{
		"build/1.work", "build/2", "kernels/debian-half", "kernels/debian-whole", "kernels/.fetch/x/tree",
	} {
		if err := os.MkdirAll(filepath.Join(cache, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "kernels/debian-whole/kernel.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	left := HalfMade(cache)
	all := strings.Join(left, "\n")
	for _, want := range []string{
		cache + "/build/1.work", cache + "/kernels/.fetch/x/tree", "half a kernel: ", "debian-half/",
	} {
		if len(left) != 3 || !strings.Contains(all, want) {
			t.Errorf("half made are %q; want 3, among them %s", left, want)
		}
	}
}

// TestDescendants checks that a child's child is found, and the processor time that it has used.
func TestDescendants(t *testing.T) {
	pid := start(t, "(while :; do :; done) & sh -c 'sleep 60; :' & wait")
	words := func() (all []string) {
		for _, p := range Descendants(pid) {
			all = append(all, p.Words())
		}
		return all
	}
	Eventually(t, "the sleep is seen below its shell", func() bool { return slices.Contains(words(), "sleep 60 ") })
	Eventually(t, "somebody works", func() bool {
		return slices.ContainsFunc(Descendants(pid), func(p Process) bool {
			worked, err := p.Worked()
			return err == nil && worked > 0
		})
	})
	if _, err := (Process{PID: 1 << 30}).Worked(); err == nil {
		t.Error("a process that is not there has worked")
	}
}
