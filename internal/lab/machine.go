// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"io"
	"net"
	"os"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// machine is a machine whose agent answers: a VM, or this one.
type machine struct {
	*wire.Client
	Machine  result.Machine
	AgentPID int
	Scale    time.Duration // factor for deadlines
	CPUs     CPUs          // nil if the machine's CPUs cannot be sampled

	events  io.Reader                   // the tracer's records
	freeze  freezer                     // nil for this machine
	dump    dumper                      // nil for this machine
	debug   debugger                    // nil for this machine
	undebug func(context.Context) error // lets the machine run without its debugger
	console func() []byte               // what the kernel has printed; nil if only the log has it
	ended   func() error                // why the machine ended; nil while it runs
	stalled func() error                // a *StallError if this machine did not let it run; nil for this machine
	finish  func(context.Context) error // lets the machine power off
	stop    func()                      // ends it in any case; can be called again
}

// dumper writes a machine's memory.
type dumper func(context.Context, *os.File) error

// debugger stops a machine, for a debugger at the other end of the connection.
type debugger func(context.Context) (net.Conn, error)

// CPUs samples the CPUs of a machine through its emulator.
type CPUs interface {
	Processors(context.Context) ([]vm.Processor, error)
	Memory(ctx context.Context, cpu int, addr uint64, size int) ([]byte, error)
}

// Processor is a sample of one CPU.
type Processor = vm.Processor

// StallError means that a machine did not answer in time because QEMU was kept from running.
type StallError = vm.StallError

// inVM is the machine of a guest that answers. kernel is the name by which it was asked for, memory in MiB.
func inVM(g *boot.Guest, kernel string, memory int) machine {
	accel, why := g.Machine.Accel()
	return machine{
		Client: g.Client, CPUs: g.Machine, AgentPID: g.Hello.PID,
		Scale: time.Duration(vm.DeadlineScale(accel)),
		Machine: result.Machine{
			Kernel: g.Hello.Release, Name: kernel,
			Accel: string(accel), AccelReason: why, QEMU: g.Machine.QEMUVersion(),
			CPUs: g.Hello.CPUs, MemoryMiB: memory,
		},
		events:  g.Events,
		freeze:  func(ctx context.Context) (frozen, error) { return g.Machine.Freeze(ctx) },
		dump:    g.Machine.Dump,
		debug:   g.Machine.Debug,
		undebug: g.Machine.Undebug,
		console: g.Console,
		ended: func() error {
			select {
			case <-g.Machine.Done():
				return machineEnd(g.Machine)
			case <-time.After(2 * time.Second): // QEMU closes its ports before it exits
				return nil
			}
		},
		stalled: g.Machine.Stalled,
		finish:  func(ctx context.Context) error { _, err := g.PowerOff(ctx); return err },
		stop:    func() { g.Close() },
	}
}

// WentAway is a guest that ended unasked, and without a panic.
type WentAway struct {
	Off bool     // it powered off; else it was reset
	At  []uint64 // the instructions of its CPUs, in their order, if known
}

func (e *WentAway) Error() string {
	if e.Off {
		return "the guest powered off by itself"
	}
	return "the guest restarted by itself"
}

// QEMUError is the end of QEMU itself: it was killed from outside, or crashed.
type QEMUError struct{ Err error }

func (e *QEMUError) Error() string { return e.Err.Error() }

func machineEnd(m *vm.Machine) error {
	exit, err := m.Wait(context.Background())
	if err != nil {
		return err
	}
	switch exit.Reason {
	case vm.Killed, vm.Failed:
		return &QEMUError{exit.Err()}
	case vm.Panicked:
		return exit.Err()
	}
	return &WentAway{Off: exit.Shutdown == "guest-shutdown", At: exit.Instructions}
}
