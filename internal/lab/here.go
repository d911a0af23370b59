// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// here installs the modules into this machine's module tree, as modules_install does, and starts the agent.
func (o opening) here(ctx context.Context) (*Lab, error) {
	phase := "install"
	if len(o.Fresh) == 0 {
		phase = "agent"
	}
	done := o.journal.Phase(phase)
	installed, err := o.install(ctx)
	if err != nil {
		o.uninstall(installed)
		return nil, &StartError{Err: err}
	}
	log := newLog(true, o.journal)
	m, err := startAgent(ctx, o.Agent, log)
	if err != nil {
		o.uninstall(installed)
		return nil, &StartError{Err: err}
	}
	done("", false)
	return o.lab(m, log, nil, installed), nil
}

// helloLimit bounds the time until the agent's first message.
const helloLimit = 30 * time.Second

// startAgent starts the agent as a child on this machine, over two socket pairs.
func startAgent(ctx context.Context, agent string, log *Log) (machine, error) {
	control, controlChild, err := socketPair()
	if err != nil {
		return machine{}, err
	}
	events, eventsChild, err := socketPair()
	if err != nil {
		return machine{}, errors.Join(err, control.Close(), controlChild.Close())
	}
	cmd := exec.Command(agent, "agent")
	cmd.ExtraFiles = []*os.File{controlChild, eventsChild}
	cmd.Stderr = os.Stderr
	// Not in our process group: Ctrl-C is for us alone, so that we can unload first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	controlChild.Close()
	eventsChild.Close()
	if err != nil {
		return machine{}, errors.Join(fmt.Errorf("start agent: %w", err), control.Close(), events.Close())
	}
	greeting := make(chan wire.Hello, 1)
	client := wire.NewClient(control, boot.NoteHandler(greeting, log.kmsg))
	stop := sync.OnceFunc(func() { // one that hangs in the kernel is waited for once
		client.Close()
		events.Close()
		stopAgent(cmd)
	})
	hello, err := awaitAgent(ctx, client, greeting)
	if err != nil {
		stop()
		return machine{}, fmt.Errorf("start agent: %w", err)
	}
	return machine{
		Client: client, Machine: thisMachine(hello), AgentPID: hello.PID, Scale: 1, events: events,
		ended:  func() error { return nil },
		finish: func(context.Context) error { stop(); return nil },
		stop:   stop,
	}, nil
}

func awaitAgent(ctx context.Context, client *wire.Client, greeting <-chan wire.Hello) (wire.Hello, error) {
	select {
	case h := <-greeting:
		if h.Version != wire.Version { // another program, by Tools.Agent or $KMODLAB_AGENT
			return h, fmt.Errorf("the agent speaks version %d, this program %d: rebuild both with make", h.Version, wire.Version)
		}
		return h, nil
	case <-ctx.Done():
		return wire.Hello{}, context.Cause(ctx)
	case <-client.Done():
		return wire.Hello{}, errors.New("the agent exited at once")
	case <-time.After(helloLimit):
		return wire.Hello{}, boot.ErrSilent
	}
}

func thisMachine(h wire.Hello) result.Machine {
	var info unix.Sysinfo_t
	unix.Sysinfo(&info)
	return result.Machine{
		Kernel: h.Release, Name: "here", Accel: "none", AccelReason: "this machine itself (--here)",
		CPUs: h.CPUs, MemoryMiB: int(info.Totalram * uint64(info.Unit) >> 20),
	}
}

// stopAgent waits for the agent, which exits once its host is gone. It gives up on an
// agent that not even SIGKILL ends, because it hangs in the kernel.
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
	// Ours goes into the poller, so that closing it ends a blocked read.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "agent"), nil
}

// install copies what was built to extra/ and runs the machine's own depmod, because the
// kernel's helper is the machine's own modprobe. It never replaces an existing module.
//
// installed are the files that were added, on an error as well.
func (o opening) install(ctx context.Context) (installed []string, err error) {
	if len(o.Fresh) == 0 {
		return nil, nil
	}
	for _, m := range o.Fresh {
		rel, err := o.Place(m)
		if err != nil {
			return installed, err
		}
		target := filepath.Join(o.Kernel.ModuleDir(), rel)
		if err := copyNew(m.Path, target); err != nil {
			if errors.Is(err, fs.ErrExist) {
				err = fmt.Errorf("install %s: the file exists: remove it first, or run in a VM, without --here", target)
				return installed, err
			}
			return installed, fmt.Errorf("install module: %w", err)
		}
		installed = append(installed, target)
	}
	return installed, runDepmod(ctx, o.Kernel.Release)
}

func runDepmod(ctx context.Context, release string) error {
	out, err := exec.CommandContext(ctx, "depmod", "-a", release).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run this machine's depmod: %w: %s (apt-get install kmod)", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// uninstallLimit bounds the machine's own depmod.
const uninstallLimit = 30 * time.Second

// uninstall removes the modules again and updates the index.
func (o opening) uninstall(installed []string) {
	if len(installed) == 0 {
		return
	}
	for _, file := range installed {
		if err := os.Remove(file); err != nil {
			o.journal.Log(fmt.Sprintf("remove %s: %v", file, err))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), uninstallLimit)
	defer cancel()
	if err := runDepmod(ctx, o.Kernel.Release); err != nil {
		o.journal.Log(err.Error())
	}
}

func copyNew(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		os.Remove(to)
		return err
	}
	return f.Close()
}
