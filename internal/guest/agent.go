// SPDX-License-Identifier: MIT

// Package guest is the agent: it does what the host asks (run, load, trace) on the kernel under test. In a VM it is PID
// 1; with --here it is a child of the command line on a real machine. It decides nothing and decodes nothing: guest
// cycles are expensive under emulation, so it acts and copies.
package guest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Agent serves one host.
type Agent struct {
	control io.ReadWriter
	events  io.Writer
	tools   string // folder with modprobe, lsmod, … as links to this program
	init    bool   // PID 1 of a VM: may mount and power off
	server  *wire.Server
	trace   traceState
	slept   sleepState

	children   children
	standbys   standbys
	programs   programs
	userland   userland
	bystanders bystanders
	names      names
	kmsg       kmsgState
}

// serve says hello and answers calls until the host goes away.
func (a *Agent) serve() error {
	a.server = wire.NewServer(a.control, map[string]wire.Handler{
		wire.OpExec:       a.exec,
		wire.OpMount:      a.mount,
		wire.OpUserland:   a.makeUserland,
		wire.OpTidy:       a.tidy,
		wire.OpRead:       a.read,
		wire.OpWrite:      a.write,
		wire.OpWriteAll:   a.writeAll,
		wire.OpSet:        a.set,
		wire.OpList:       a.list,
		wire.OpHolders:    a.holders,
		wire.OpModules:    a.modules,
		wire.OpClock:      a.clock,
		wire.OpLayout:     a.layout,
		wire.OpTasks:      a.tasks,
		wire.OpExpire:     a.expire,
		wire.OpInput:      a.input,
		wire.OpTaken:      a.taken,
		wire.OpResize:     a.resize,
		wire.OpKill:       a.kill,
		wire.OpSnapshot:   a.snapshot,
		wire.OpTraceStart: a.traceStart,
		wire.OpTraceProve: a.traceProve,
		wire.OpTraceStop:  a.traceStop,
		wire.OpPowerOff:   a.powerOff,
		wire.OpSleep:      a.sleep,
		wire.OpWake:       a.wake,
	})
	hello, err := hello()
	if err != nil {
		return err
	}
	if err := a.server.Note(wire.NoteHello, hello, nil); err != nil {
		return err
	}
	go a.followKmsg()
	return a.server.Serve()
}

func hello() (*wire.Hello, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("read the kernel's release: %w", err)
	}
	now, err := monotonic()
	if err != nil {
		return nil, err
	}
	return &wire.Hello{
		Version: wire.Version,
		Release: unix.ByteSliceToString(uts.Release[:]),
		PID:     os.Getpid(),
		BootNS:  now,
		CPUs:    runtime.NumCPU(),
	}, nil
}

// monotonic is CLOCK_MONOTONIC, in nanoseconds.
func monotonic() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return uint64(now.Nano()), nil
}

func (a *Agent) clock(*wire.Message, func([]byte) error) (any, []byte, error) {
	now, err := monotonic()
	return &wire.ClockResult{MonotonicNS: now}, nil, err
}

// Here serves the host over two descriptors that it passed on, on a machine that is itself the lab. It returns when the
// host is gone. tools is an empty folder of the host's: it can remove it even if we are killed.
func Here(tools string, control, events *os.File) error {
	for _, f := range []*os.File{control, events} {
		unix.CloseOnExec(int(f.Fd())) // a command that hangs must not keep the host from seeing our end
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	for _, name := range kmodcmd.Names() {
		if name == "depmod" {
			continue // the machine's own depmod writes what its own modprobe reads
		}
		if err := os.Symlink(self, filepath.Join(tools, name)); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	a := &Agent{control: control, events: events, tools: tools}
	err = a.serve()
	a.trace.close()
	return err
}
