// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/scratch"
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
	claim, err := o.claim(ctx)
	if err != nil {
		return nil, &StartError{Err: err}
	}
	log := newLog(true, o.journal)
	m, err := o.agent(ctx, log)
	if err != nil {
		undo(claim, o.journal)
		return nil, &StartError{Err: err}
	}
	done("", false)
	return o.lab(m, log, nil, claim), nil
}

// helloLimit bounds the time until the agent's first message.
const helloLimit = 30 * time.Second

// agent starts the agent, with a folder that is removed at its end, however it ends.
func (o opening) agent(ctx context.Context, log *Log) (machine, error) {
	tools, err := o.Scratch("tools")
	if err != nil {
		return machine{}, err
	}
	m, err := startAgent(ctx, o.Agent, tools, log)
	if err != nil {
		return m, errors.Join(err, tools.Close())
	}
	return m, nil
}

// startAgent starts the agent as a child on this machine, over two socket pairs.
func startAgent(ctx context.Context, agent string, tools *scratch.Folder, log *Log) (machine, error) {
	control, controlChild, err := socketPair()
	if err != nil {
		return machine{}, err
	}
	events, eventsChild, err := socketPair()
	if err != nil {
		return machine{}, errors.Join(err, control.Close(), controlChild.Close())
	}
	cmd := exec.Command(agent, wire.AgentHere, tools.Path)
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
	end := sync.OnceFunc(func() { // one that hangs in the kernel is waited for once
		client.Close()
		events.Close()
		stopAgent(cmd)
	})
	stop := sync.OnceFunc(func() { end(); tools.Close() })
	hello, err := awaitAgent(ctx, client, greeting)
	if err != nil {
		end()
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

// claim makes this run the only one that changes this machine's kernel, undoes what an earlier run left when it was
// killed, and installs the modules. It returns nil if the run changes nothing, as most traces.
func (o opening) claim(ctx context.Context) (*footprint.Claim, error) {
	change, err := o.change()
	if err != nil || len(change.Modules) == 0 {
		return nil, err
	}
	claim, err := o.site.Claim()
	if err != nil {
		return nil, err
	}
	u := claim.Undo(ctx)
	if len(u.Unloaded)+len(u.Removed) > 0 {
		what := slices.Concat(u.Unloaded, u.Removed)
		o.journal.Log("undone, left by an earlier run that was cut short: " + strings.Join(what, ", "))
	}
	tell(u, o.journal)
	if err := claim.Make(ctx, change); err != nil {
		undo(claim, o.journal)
		return nil, err
	}
	return claim, nil
}

// change is what the run installs and may load. What was built goes to extra/.
func (o opening) change() (footprint.Change, error) {
	var c footprint.Change
	if o.Kernel == nil { // nothing is built or installed
		return c, nil
	}
	c.Release, c.Tree = o.Kernel.Release, o.Kernel.ModuleDir()
	for _, m := range o.Fresh {
		rel, err := o.Place(m)
		if err != nil {
			return c, err
		}
		c.Files = append(c.Files, footprint.Source{From: m.Path, Path: rel})
	}
	add := func(name string, ofTree bool) {
		c.Modules = append(c.Modules, footprint.Module{Name: name, Tree: ofTree})
	}
	if o.Probe.Path != "" {
		add(probeName, false)
	}
	for _, m := range o.InTree {
		add(m.Name, true)
	}
	for _, m := range o.Fresh {
		add(m.Name, false)
	}
	return c, nil
}

// probeName is the name of the self-test's module. Its init refuses to stay, so it is loaded for a moment only.
const probeName = "kmodlab_probe"

// undoLimit bounds the undoing: the machine's own depmod, and whoever still uses a module.
const undoLimit = 2 * time.Minute

// undo undoes what the run has changed. It does not end with the run's context, which may have ended already.
func undo(claim *footprint.Claim, j *notify.Journal) {
	if claim == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), undoLimit)
	defer cancel()
	u := claim.Undo(ctx)
	claim.Release()
	if len(u.Unloaded) > 0 {
		j.Log("unloaded at the end: " + strings.Join(u.Unloaded, ", "))
	}
	tell(u, j)
}

// tell says what was not undone.
func tell(u footprint.Undone, j *notify.Journal) {
	for _, text := range u.Remains() {
		j.Log(text)
	}
}
