// SPDX-License-Identifier: MIT

package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

var background = context.Background()

// fakeConfig is a machine whose QEMU is this test binary in the given mode. At the test's end it checks that no
// process, descriptor or file is left.
func fakeConfig(t *testing.T, mode string) Config {
	t.Helper()
	checkLeftovers(t)
	t.Setenv(fakeEnv, mode)
	return Config{
		QEMU: os.Args[0], Kernel: os.Args[0], Accel: TCG, Ports: []string{"ctl", "events"},
		InitrdData: []byte("archive"), startDeadline: 20 * time.Second,
		probe: func() error { return nil }, lifeDeadline: time.Second,
	}
}

// checkLeftovers compares children, descriptors and the temporary folder with what existed before, once the test's own
// cleanups are done.
func checkLeftovers(t *testing.T) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	fds := descriptorsOpen(t)
	t.Cleanup(func() {
		if left := children(t); len(left) > 0 {
			t.Errorf("processes left: %v", left)
		}
		if now := descriptorsOpen(t); now > fds {
			t.Errorf("%d descriptors are open, %d were before", now, fds)
		}
		if names, err := os.ReadDir(tmp); err != nil || len(names) > 0 {
			t.Errorf("left in TMPDIR: %v, %v", names, err)
		}
	})
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// children are the pids of this process's children, zombies included.
func children(t *testing.T) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(files) == 0 {
		t.Fatalf("cannot list children: %v", err)
	}
	for _, name := range files {
		text, _ := os.ReadFile(name) // a thread may be gone
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

func start(t *testing.T, cfg Config) *Machine {
	t.Helper()
	m, err := Start(background, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Stop(0) })
	return m
}

func wait(t *testing.T, m *Machine) Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, 60*time.Second)
	defer cancel()
	e, err := m.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func await(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(60 * time.Second):
		t.Fatalf("%s did not come", what)
	}
}

func gone(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

func TestEnds(t *testing.T) {
	for _, test := range []struct {
		mode   string
		reason Reason
		signal syscall.Signal
		err    string // of Exit.Err, "" for none
	}{
		{"powers-off", PowerOff, 0, ""},
		{"panics", Panicked, 0, "kernel panicked"},
		{"no-word", Failed, 0, "QEMU ended with status 0"},
		{"crashes", Failed, syscall.SIGABRT, "QEMU crashed (aborted): qemu: fatal: it is over"},
	} {
		t.Run(test.mode, func(t *testing.T) {
			m, err := Start(background, fakeConfig(t, test.mode))
			if err != nil {
				// It may be gone before its monitor answered, which is its own fault.
				if test.reason != Failed || !strings.Contains(err.Error(), test.err) {
					t.Fatal(err)
				}
				return
			}
			t.Cleanup(func() { m.Stop(0) })
			e := wait(t, m)
			if e.Reason != test.reason || e.Signal != test.signal {
				t.Errorf("exit is %+v", e)
			}
			if err := e.Err(); (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("Err is %v, want %q in it", err, test.err)
			}
			if e.Duration <= 0 || e.Duration > time.Minute || e.MaxRSS < 1<<20 {
				t.Errorf("duration %s, peak %d bytes", e.Duration, e.MaxRSS)
			}
		})
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		mode     string
		grace    time.Duration
		signal   syscall.Signal
		shutdown string
	}{
		{"quits", 30 * time.Second, 0, "host-qmp-quit"},
		{"quits", 0, syscall.SIGKILL, ""},
		{"stubborn", 200 * time.Millisecond, syscall.SIGKILL, ""},
	} {
		t.Run(test.mode+test.grace.String(), func(t *testing.T) {
			m := start(t, fakeConfig(t, test.mode))
			await(t, "life", m.alive)
			var group sync.WaitGroup
			for range 3 { // at once, and again below
				group.Go(func() {
					if err := m.Stop(test.grace); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if !gone(m.PID()) {
				t.Errorf("process %d is still there after Stop", m.PID())
			}
			m.Stop(test.grace)
			e := wait(t, m)
			if e.Reason != Stopped || e.Signal != test.signal || e.Shutdown != test.shutdown || e.Err() != nil {
				t.Errorf("exit is %+v, %v", e, e.Err())
			}
			if _, err := m.Port("ctl").Read(make([]byte, 1)); err == nil {
				t.Error("the port is open after Stop")
			}
		})
	}
}

func TestKilledFromOutside(t *testing.T) {
	m := start(t, fakeConfig(t, "alive"))
	await(t, "life", m.alive)
	if err := unix.Kill(m.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	e := wait(t, m)
	if e.Reason != Killed || e.Signal != syscall.SIGKILL || !strings.Contains(e.Err().Error(), "killed from outside") {
		t.Errorf("exit is %+v, %v", e, e.Err())
	}
	if _, err := m.Port("ctl").Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("reading a port of a dead machine: %v", err)
	}
}

func TestDiesAtOnce(t *testing.T) {
	_, err := Start(background, fakeConfig(t, "bad-option"))
	if err == nil || !strings.Contains(err.Error(), "status 1") || !strings.Contains(err.Error(), "-bad: invalid option") {
		t.Errorf("Start returned %v", err)
	}
}

func TestMonitorSilent(t *testing.T) {
	cfg := fakeConfig(t, "mute")
	cfg.startDeadline = 300 * time.Millisecond
	_, err := Start(background, cfg)
	if err == nil || !strings.Contains(err.Error(), "did not answer for 300ms") {
		t.Errorf("Start returned %v", err)
	}
}

func TestMonitorGarbage(t *testing.T) {
	m := start(t, fakeConfig(t, "garbage"))
	if v := m.QEMUVersion(); v != "1.2.3" {
		t.Errorf("version is %q", v)
	}
	m.Stop(30 * time.Second)
	if e := wait(t, m); e.Shutdown != "host-qmp-quit" {
		t.Errorf("quit did not get through: %+v", e)
	}
}

func TestMissing(t *testing.T) {
	cfg := fakeConfig(t, "alive")
	cfg.QEMU = "/no/qemu"
	if _, err := Start(background, cfg); !errors.Is(err, errNoQEMU) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("without QEMU: %v", err)
	}
	cfg = fakeConfig(t, "alive")
	cfg.Kernel = "/no/kernel"
	if _, err := Start(background, cfg); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "find kernel") {
		t.Errorf("without a kernel: %v", err)
	}
	for _, files := range [][]string{{"/no/initrd"}, {os.Args[0], "/no/initrd"}} {
		cfg = fakeConfig(t, "alive")
		cfg.Initrd, cfg.InitrdData = files, nil
		cfg.Accel = Auto // what is missing is not KVM's fault
		cfg.Log = func(s string) { t.Errorf("said %q", s) }
		if _, err := Start(background, cfg); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "initramfs") {
			t.Errorf("without an initramfs: %v", err)
		}
	}
}

func TestContext(t *testing.T) {
	why := errors.New("the user had enough")
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(background)
		cancel(why)
		if _, err := Start(ctx, fakeConfig(t, "alive")); !errors.Is(err, why) {
			t.Errorf("Start returned %v", err)
		}
	})
	t.Run("starting", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(background)
		time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
		if _, err := Start(ctx, fakeConfig(t, "mute")); !errors.Is(err, why) {
			t.Errorf("Start returned %v", err)
		}
	})
	t.Run("proving KVM", func(t *testing.T) {
		cfg := fakeConfig(t, "silent")
		cfg.Accel, cfg.lifeDeadline = Auto, time.Minute
		cfg.Log = func(s string) { t.Errorf("said %q", s) }
		ctx, cancel := context.WithCancelCause(background)
		time.AfterFunc(500*time.Millisecond, func() { cancel(why) })
		if _, err := Start(ctx, cfg); !errors.Is(err, why) {
			t.Errorf("Start returned %v", err)
		}
	})
	t.Run("running", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(background)
		m, err := Start(ctx, fakeConfig(t, "stubborn"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Stop(0) })
		short, stop := context.WithTimeout(background, 50*time.Millisecond)
		defer stop()
		if _, err := m.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a short Wait returned %v", err)
		}
		cancel(why)
		if e := wait(t, m); e.Reason != Stopped || !gone(m.PID()) {
			t.Errorf("exit is %+v", e)
		}
	})
}

func TestFlood(t *testing.T) {
	cfg := fakeConfig(t, "floods")
	var counted int64
	cfg.Console = writerFunc(func(b []byte) (int, error) {
		counted += int64(len(b))
		return len(b), nil
	})
	m := start(t, cfg)
	if e := wait(t, m); e.Reason != PowerOff {
		t.Errorf("exit is %+v", e)
	}
	if counted != 100<<20 {
		t.Errorf("Console got %d bytes", counted)
	}
	kept := m.Console()
	if len(kept) > consoleLimit+100 || !bytes.HasPrefix(kept, []byte("xxx")) || !bytes.HasSuffix(kept, []byte("xxy")) {
		t.Errorf("kept %d bytes of the console", len(kept))
	}
	if !bytes.Contains(kept, []byte("[… 104595456 bytes not shown …]")) {
		t.Error("what was left out is not counted")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestConsoleSinkFails: a person closes the pipe, and the guest continues.
func TestConsoleSinkFails(t *testing.T) {
	cfg := fakeConfig(t, "floods")
	cfg.Console = writerFunc(func([]byte) (int, error) { return 0, unix.EPIPE })
	if e := wait(t, start(t, cfg)); e.Reason != PowerOff {
		t.Errorf("exit is %+v", e)
	}
}

func TestPortHalfClosed(t *testing.T) {
	m := start(t, fakeConfig(t, "half-closes"))
	m.Port("ctl").SetReadDeadline(time.Now().Add(time.Minute))
	if b, err := io.ReadAll(m.Port("ctl")); err != nil || string(b) != "last words" {
		t.Errorf("port said %q, %v", b, err)
	}
	select {
	case <-m.Done():
		t.Error("the machine ended with its port")
	default:
	}
	if m.Port("no-such") != nil {
		t.Error("a port that was not asked for")
	}
}

func TestGrandchild(t *testing.T) {
	m := start(t, fakeConfig(t, "leaves-child"))
	if e := wait(t, m); e.Reason != PowerOff {
		t.Errorf("exit is %+v", e)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(m.Console())))
	if err != nil {
		t.Fatal(err)
	}
	testlab.Eventually(t, fmt.Sprintf("process %d ends with its QEMU", pid), func() bool { return ended(pid) })
}

// ended reports whether a process that is not our child has ended. It is for init to reap it.
func ended(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// TestDiesWithUs kills a program that has a machine: the kernel must end QEMU.
func TestDiesWithUs(t *testing.T) {
	checkLeftovers(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"=1", fakeEnv+"=stubborn")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	pid, perr := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || perr != nil {
		t.Fatalf("the parent said %q, %v", line, err)
	}
	defer func() {
		if !ended(pid) {
			unix.Kill(pid, unix.SIGKILL)
		}
	}()
	testlab.Eventually(t, fmt.Sprintf("process %d ends with its parent", pid), func() bool { return ended(pid) })
}

// TestOutlivesThread: the thread that calls Start ends, but the machine does not.
func TestOutlivesThread(t *testing.T) {
	cfg := fakeConfig(t, "alive")
	var m *Machine
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		m, _ = Start(background, cfg)
	}()
	<-ended
	if m == nil {
		t.Fatal("Start failed")
	}
	defer m.Stop(0)
	await(t, "life", m.alive)
	select {
	case <-m.Done():
		t.Errorf("the machine ended: %+v", m.exit)
	case <-time.After(300 * time.Millisecond):
	}
}
