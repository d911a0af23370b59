// SPDX-License-Identifier: MIT

// Package boot starts a kernel with the agent as PID 1 and opens the conversation with it: it makes the initramfs,
// starts the machine, and waits for the agent's first message. What is asked of the guest after that is the caller's
// business.
package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// helloDeadline is how long a guest on KVM may take from QEMU's start to the agent's first message; vm.DeadlineScale
// stretches it. Measured on an idle two-core host under TCG: 3 s.
const helloDeadline = 12 * time.Second

// Options say what to boot. Kernel and Agent are required.
type Options struct {
	Kernel *kernel.Kernel
	// Agent is kmodlab-agent, statically linked, as a host path.
	Agent string
	// Modules are names of in-tree modules that the machine's disks or mounts need (ext4, overlay); they are loaded at
	// boot, dependencies first.
	Modules []string
	Files   []File // added to the initramfs
	Disks   []vm.Disk
	Cable   bool // as in vm.Config

	// RAM is an empty file for the guest's memory, so that a snapshot can be taken; nil if none will be. The caller
	// closes it.
	RAM *os.File

	CPUs, MemoryMiB int      // 0: vm's defaults
	Parallel        bool     // as in vm.Config; a boot that hangs is tried once more
	Append          []string // more words for the kernel
	Accel           vm.Accel
	QEMU            string
	Last            func(*vm.Machine) // as in vm.Config
	// StateDir is where vm keeps its finding about KVM, and where unpacked kernels of this machine are; "" keeps none.
	StateDir string
	Console  io.Writer    // every console byte, may be nil
	Log      func(string) // for messages that a person should see, may be nil
	Kmsg     func(string) // each record of /dev/kmsg, may be nil
}

// Guest is a booted machine whose agent answers calls. Close ends it.
type Guest struct {
	*wire.Client
	Machine *vm.Machine
	Events  io.Reader // the tracer's records, framed by tracer/event
	Hello   wire.Hello
	Woke    Reading // of a guest that resumed, as its agent woke

	close   sync.Once
	console []byte // the console up to the snapshot
	// What Save needs; nil if no snapshot can be taken.
	ram             *os.File
	control, events *recorder
}

// Console is what the guest wrote to its console since it booted: the first and the last 128 KiB.
func (g *Guest) Console() []byte { return append(bytes.Clone(g.console), g.Machine.Console()...) }

// Error is a boot that failed before the agent's first message, with what the guest's console said until then.
type Error struct {
	Console []byte
	Err     error
}

func (e *Error) Error() string { return "boot guest: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ErrSilent means that the agent did not report in time.
var ErrSilent = errors.New("the guest's agent did not report in time")

// Start boots. When ctx ends the machine is stopped, even after Start has returned.
func Start(ctx context.Context, opts Options) (*Guest, error) {
	initramfs, err := makeInitramfs(opts)
	if err != nil {
		return nil, err
	}
	g, err := start(ctx, opts, initramfs)
	if opts.Parallel && errors.Is(err, ErrSilent) && ctx.Err() == nil {
		// The kernel patches itself while it boots, which is the risk of Parallel.
		if opts.Log != nil {
			opts.Log("the guest hangs, which can happen without KVM; booting it once more")
		}
		g, err = start(ctx, opts, initramfs)
	}
	return g, err
}

func start(ctx context.Context, opts Options, initramfs []byte) (*Guest, error) {
	m, err := vm.Start(ctx, opts.machine(initramfs))
	if err != nil {
		return nil, fmt.Errorf("start machine: %w", err)
	}
	g := &Guest{Machine: m, ram: opts.RAM}
	control, events := m.Port(wire.PortControl), m.Port(wire.PortEvents)
	if opts.RAM != nil {
		g.control, g.events = record(control), record(events)
		control, events = g.control, g.events
	}
	g.Events = events
	hello := make(chan wire.Hello, 1)
	g.Client = wire.NewClient(control, NoteHandler(hello, opts.Kmsg))
	if err := g.awaitHello(ctx, hello); err != nil {
		g.Close()
		return nil, &Error{Console: m.Console(), Err: err}
	}
	return g, nil
}

// machine is the QEMU for these options.
func (o Options) machine(initramfs []byte) vm.Config {
	image, direct := o.image()
	return vm.Config{
		QEMU:       o.QEMU,
		Kernel:     image,
		Direct:     direct,
		InitrdData: initramfs,
		CPUs:       o.CPUs,
		MemoryMiB:  o.MemoryMiB,
		Parallel:   o.Parallel,
		Append:     append(o.delayWords(), o.Append...),
		Disks:      o.Disks,
		Cable:      o.Cable,
		Ports:      []string{wire.PortControl, wire.PortEvents},
		RAM:        o.RAM,
		RAMShared:  o.RAM != nil,
		Accel:      o.Accel,
		StateDir:   o.StateDir,
		Console:    o.Console,
		Log:        o.Log,
		Last:       o.Last,
	}
}

// image is the kernel to start: unpacked if possible, since unpacking takes the guest long.
func (o Options) image() (path string, direct bool) {
	dir := ""
	if o.StateDir != "" {
		dir = filepath.Join(o.StateDir, "vmlinux")
	}
	path, err := o.Kernel.Direct(dir)
	if err != nil {
		return o.Kernel.Image, false
	}
	return path, true
}

func (g *Guest) awaitHello(ctx context.Context, hello <-chan wire.Hello) error {
	accel, _ := g.Machine.Accel()
	timer := time.NewTimer(helloDeadline * time.Duration(vm.DeadlineScale(accel)))
	defer timer.Stop()
	select {
	case g.Hello = <-hello:
		if g.Hello.Version != wire.Version {
			return fmt.Errorf("the agent speaks version %d, this program %d: rebuild both with make",
				g.Hello.Version, wire.Version)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return g.silent(ErrSilent)
	case <-g.Machine.Done():
		return g.exitError()
	case <-g.Client.Done():
	}
	select { // QEMU closes its ports before it ends, and knows the reason better
	case <-g.Machine.Done():
		return g.exitError()
	case <-time.After(2 * time.Second):
		return g.Client.Err()
	}
}

// silent is err, about a guest that did not answer in time, unless this machine did not let it run.
func (g *Guest) silent(err error) error {
	if stalled := g.Machine.Stalled(); stalled != nil {
		return stalled
	}
	return err
}

// exitError says why a machine ended that should not have.
func (g *Guest) exitError() error {
	exit, err := g.Machine.Wait(context.Background())
	if err != nil {
		return err
	}
	if err := exit.Err(); err != nil {
		return err
	}
	return errors.New("the guest powered off")
}

// Close ends the machine at once and waits for QEMU's end. It may be called more than once, and from another goroutine.
func (g *Guest) Close() error {
	var err error
	g.close.Do(func() {
		err = g.Machine.Stop(0)
		g.Client.Close()
	})
	return err
}

// PowerOff lets the guest end by itself, and then makes sure of it.
func (g *Guest) PowerOff(ctx context.Context) (vm.Exit, error) {
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	go g.Client.Call(call, wire.OpPowerOff, nil, nil) // the answer rarely gets through
	exit, err := g.Machine.Wait(ctx)
	g.Close()
	return exit, err
}
