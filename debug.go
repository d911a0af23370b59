// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"os"

	"github.com/kmodlab/kmodlab/internal/gdbscript"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/session"
)

// Debug attaches a debugger before the first module is loaded. While it is attached, nothing is judged and no limit of
// a step or a test ends, for the machine may stand; the guest's clock stands with it. When the debugger has left, the
// run goes on as any other.
type Debug struct {
	// Break are places to stop at: a function of a module or of the kernel, FILE:LINE, *ADDRESS. Empty: where the init of
	// each module under study begins.
	Break []string
	// Vmlinux is the kernel's file with debug information, which must be of the same build. Empty: that of its debug
	// package in /usr/lib/debug/boot, if it is there; else the kernel has names and no types.
	Vmlinux string
	// Attach has somebody debug the machine, which stands. It returns when they have left, and when ctx ends. Its error is
	// verdict host.
	Attach func(ctx context.Context, t *DebugTarget) error
}

// DebugTarget is a machine for gdb.
type DebugTarget struct {
	// Script is a file of commands for gdb -x: the kernel's symbols, the connection, and the modules as they are loaded.
	// Its last command lets the machine run. It is there until Attach returns.
	Script string
	// Options come first on gdb's command line. They keep it from executing what a module's file holds for it.
	Options []string
	// Conn must be descriptor 3 of gdb: the first of exec.Cmd's ExtraFiles.
	Conn *os.File
}

// checkCore refuses a core of a machine that has no QEMU.
func (s Spec) checkCore() error {
	if s.Core && s.Here {
		return usage("Core", "this machine's own memory is not written: leave out Here")
	}
	return nil
}

// checkDebug finds a debugger that cannot be meant.
func (s Spec) checkDebug() error {
	switch d := s.Debug; {
	case d == nil:
		return nil
	case d.Attach == nil:
		return usage("Debug", "nobody is to debug: set Attach")
	case s.Here:
		return usage("Debug", "a debugger would stop this machine's own kernel: leave out Here")
	case s.Accel == KVM:
		return usage("Debug", "on KVM the guest's clock does not stand when the guest does: leave out Accel")
	case s.Command != nil:
		return usage("Debug", "a debugger does not go with a Command: leave out one of the two")
	}
	for _, place := range s.Debug.Break {
		if err := gdbscript.CheckPlace(place); err != nil {
			return usage("Debug", "%v", err)
		}
	}
	return nil
}

func (d *Debug) session() *session.Debug {
	if d == nil {
		return nil
	}
	return &session.Debug{Breaks: d.Break, Vmlinux: d.Vmlinux, Attach: func(ctx context.Context, m *lab.Debugging) error {
		return d.Attach(ctx, &DebugTarget{Script: m.Script, Options: gdbscript.Options, Conn: m.Conn})
	}}
}
