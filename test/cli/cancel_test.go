// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// TestSignalsEndWaits: the first SIGTERM, or Ctrl-C, ends a command that waits in an open, a read or a write, and
// leaves nothing.
func TestSignalsEndWaits(t *testing.T) {
	program, dir := testlab.Kmodlab(t), t.TempDir()
	recording, err := filepath.Abs("testdata/recording/demo-1.kmlab")
	if err != nil {
		t.Fatal(err)
	}
	const kernel = "vmlinuz-of-nobody"
	for _, name := range []string{"fifo", "held", "full.json", "unread.json", kernel} {
		if err := unix.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held := both(t, filepath.Join(dir, "held")) // a writer that writes half a recording
	if _, err = held.WriteString("\x5b\x2a\x4d\x18\x34\x00\x00\x00kmlab"); err != nil {
		t.Fatal(err)
	}
	fill(t, both(t, filepath.Join(dir, "full.json"))) // a reader that reads nothing
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "m"), 0o700),
		os.WriteFile(filepath.Join(dir, "m/Kbuild"), []byte("obj-m := m.o\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"report", "fifo"},
		{"report", "held"},
		{"diff", recording, "fifo"},
		{"diff", "held", recording},
		{"report", recording, "-o", "unread.json"},
		{"report", recording, "-o", "full.json", "-o", "x.txt"},
		{"report", recording, "--json", "full.json"},
		{"report", recording, "--json", "-"}, // to a pipe that nobody reads
		{"report", recording, "-v"},
		{"--help"},
		{"cache"},
		{"modinfo", "--help"},
		{"run", "m", "--kernel", "path:" + kernel + ",."},
	} {
		for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
			endsAt(t, sig, dir, program, args)
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("%q leaves %q", args, left)
			}
		}
	}
}

// endsAt starts a program whose output nobody reads, and signals it once it waits.
func endsAt(t *testing.T, sig os.Signal, dir, program string, args []string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fill(t, w)
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	idle := idleness(cmd.Process.Pid)
	testlab.Eventually(t, "it waits, or has ended", func() bool { return len(ended) > 0 || idle() })
	if len(ended) > 0 {
		t.Errorf("%q ended by itself: %s", args, errOut.String())
		return
	}
	cmd.Process.Signal(sig)
	select {
	case <-ended:
		// kmod's commands leave signals to the kernel, as kmod does.
		by := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if by.ExitStatus() != 130 && !(args[0] == "modinfo" && by.Signaled() && by.Signal() == sig) {
			t.Errorf("%q ended at %v with %v, want status 130: %s", args, sig, cmd.ProcessState, errOut.String())
		}
	case <-time.After(2 * time.Second):
		t.Errorf("%q still runs 2 s after %v", args, sig)
		cmd.Process.Kill()
		<-ended
	}
}

// idleness returns a function that reports whether a process waits: since it was last asked, 100 ms ago or more, no
// thread of it has run, but for a moment, or waited for a processor or a disk.
func idleness(pid int) func() bool {
	const apart, moment = 100 * time.Millisecond, 5 * time.Millisecond
	var last time.Time
	var before time.Duration
	return func() bool {
		if time.Since(last) < apart {
			return false
		}
		busy, ready := usedBy(pid)
		first, used := last.IsZero(), busy-before
		last, before = time.Now(), busy
		return !first && ready && used < moment
	}
}

// usedBy is how long the threads of a process have run, or waited for a processor. asleep says that none does now, and
// that none waits for a disk.
func usedBy(pid int) (busy time.Duration, asleep bool) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		var ran, waited time.Duration
		times, _ := os.ReadFile(filepath.Join(thread, "schedstat")) // one that has ended counts no more
		fmt.Sscan(string(times), &ran, &waited)
		busy += ran + waited
		stat, _ := os.ReadFile(filepath.Join(thread, "stat"))
		_, state, _ := strings.Cut(string(stat), ") ")
		if strings.HasPrefix(state, "R") || strings.HasPrefix(state, "D") {
			return busy, false
		}
	}
	return busy, len(threads) > 1 // else the program has only begun
}

// both opens a FIFO so that it has a reader and a writer.
func both(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// fill fills a pipe, so that the next write to it waits.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	if err := w.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		_, err = w.Write(make([]byte, 4096))
	}
}
