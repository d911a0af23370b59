// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// lab is a machine with an agent that answers: a VM, or this machine.
type lab struct {
	*wire.Client
	events  io.Reader
	hello   wire.Hello
	machine result.Machine
	scale   time.Duration // factor for deadlines
	console func() []byte
	// inside looks into the machine without its help; nil where nobody can.
	inside inside
	ended  func() error // why the machine is gone; nil while it is not
	// finish lets the machine end by itself; close ends it whatever happens.
	finish func(context.Context) error
	close  func()
}

// inside is what a machine's emulator knows of it.
type inside interface {
	Processors(context.Context) ([]vm.Processor, error)
	Memory(ctx context.Context, cpu int, addr uint64, size int) ([]byte, error)
}

// inVM wraps a booted guest.
func inVM(g *boot.Guest, kernelName string, memory int) *lab {
	accel, why := g.Machine.Accel()
	return &lab{
		Client: g.Client, events: g.Events, hello: g.Hello,
		machine: result.Machine{
			Kernel: g.Hello.Release, Name: kernelName,
			Accel: string(accel), AccelReason: why, QEMU: g.Machine.QEMUVersion(),
			CPUs: g.Hello.CPUs, MemoryMiB: memory,
		},
		scale:   time.Duration(vm.DeadlineScale(accel)),
		console: g.Console,
		inside:  g.Machine,
		ended: func() error {
			select {
			case <-g.Machine.Done():
				return machineEnd(g.Machine)
			case <-time.After(2 * time.Second): // QEMU closes its ports before it ends
				return nil
			}
		},
		finish: func(ctx context.Context) error { _, err := g.PowerOff(ctx); return err },
		close:  func() { g.Close() },
	}
}

// wentAway is a guest that ended without being asked and without a panic.
type wentAway struct {
	off bool     // it switched itself off; else it was reset
	at  []uint64 // where its processors were, in their order, if that is known
}

func (e *wentAway) Error() string {
	if e.off {
		return "the guest powered off by itself"
	}
	return "the guest restarted by itself"
}

// qemuError is QEMU's own end: killed from outside, or crashed.
type qemuError struct{ err error }

func (e *qemuError) Error() string { return e.err.Error() }

func machineEnd(m *vm.Machine) error {
	exit, err := m.Wait(context.Background())
	if err != nil {
		return err
	}
	switch exit.Reason {
	case vm.Killed, vm.Failed:
		return &qemuError{exit.Err()}
	case vm.Panicked:
		return exit.Err()
	}
	return &wentAway{off: exit.Shutdown == "guest-shutdown", at: exit.Instructions}
}

// here starts the agent as a child on this machine, over two socket pairs.
func here(ctx context.Context, agent string, kmsg func(string)) (*lab, error) {
	control, controlChild, err := socketPair()
	if err != nil {
		return nil, err
	}
	events, eventsChild, err := socketPair()
	if err != nil {
		return nil, errors.Join(err, control.Close(), controlChild.Close())
	}
	cmd := exec.Command(agent, "agent")
	cmd.ExtraFiles = []*os.File{controlChild, eventsChild}
	cmd.Stderr = os.Stderr
	// Not in our process group: Ctrl-C is ours to answer, by unloading first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	controlChild.Close()
	eventsChild.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start agent: %w", err), control.Close(), events.Close())
	}
	hello := make(chan wire.Hello, 1)
	l := &lab{
		Client: wire.NewClient(control, boot.NoteHandler(hello, kmsg)), events: events, scale: 1,
		console: func() []byte { return nil },
		ended:   func() error { return nil },
	}
	l.close = func() {
		l.Client.Close()
		events.Close()
		stopAgent(cmd)
	}
	l.finish = func(context.Context) error { l.close(); return nil }
	select {
	case l.hello = <-hello:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-l.Client.Done():
		err = errors.New("the agent ended at once")
	case <-time.After(defaultStep):
		err = boot.ErrSilent
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("start agent: %w", err)
	}
	l.machine = hereMachine(l.hello)
	return l, nil
}

func hereMachine(h wire.Hello) result.Machine {
	var info unix.Sysinfo_t
	unix.Sysinfo(&info)
	return result.Machine{
		Kernel: h.Release, Name: "here", Accel: "none", AccelReason: "this machine itself (--here)",
		CPUs: h.CPUs, MemoryMiB: int(info.Totalram * uint64(info.Unit) >> 20),
	}
}

// stopAgent waits for the agent, which ends once its host is gone, and gives up
// on one that not even SIGKILL ends: it hangs in the kernel, and so need not we.
func stopAgent(cmd *exec.Cmd) {
	done := make(chan struct{})
	go func() {
		cmd.Wait()
		close(done)
	}()
	for _, limit := range []time.Duration{15 * time.Second, 5 * time.Second} {
		select {
		case <-done:
			return
		case <-time.After(limit):
			cmd.Process.Kill()
		}
	}
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	// Ours in the poller, so that closing it ends a read that waits.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "agent"), nil
}

// findAgent gives the path of the kmodlab program.
func findAgent(spec Spec) (string, error) {
	if spec.Agent != "" {
		return spec.Agent, nil
	}
	if path := os.Getenv("KMODLAB_AGENT"); path != "" {
		return path, nil
	}
	if self, err := os.Executable(); err == nil && isKmodlab() {
		return self, nil
	}
	if path, err := exec.LookPath("kmodlab"); err == nil {
		return path, nil
	}
	return "", ErrNoAgent
}

// isKmodlab says whether this process runs the program, under whatever name: a
// program that imports this package, such as a test, has another main package.
func isKmodlab() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && strings.HasSuffix(info.Path, "/cmd/kmodlab")
}
