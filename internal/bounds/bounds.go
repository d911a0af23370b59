// SPDX-License-Identifier: MIT

// Package bounds gives a process, with all that it starts, one bound on the sum of their memory and on their number. A
// process's own limits (setrlimit) cannot do that: each process has them anew, and root is exempt from the number.
//
// The kernel's means for it are control groups. As root they are made directly, as version 1 or 2, whichever this
// machine has; other users ask their systemd for a scope.
package bounds

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"
)

// Limits bound a group.
type Limits struct {
	Memory    int64 // in bytes, with files in memory
	Processes int64 // threads count
}

// Way is how groups are made on this machine.
type Way struct {
	Name string // in words: control groups, version 2
	Why  string // there is none
	make func(Limits) (group, error)
}

// group is one control group, or a scope that is about to be one.
type group interface {
	// wrap changes a command that has not started, so that it runs in the group.
	wrap(cmd *exec.Cmd) error
	// entered is called when the command has started.
	entered(pid int) error
	// events is called once, when the command has ended.
	events() events
	close() error
}

// events count what the kernel did about the memory of a group. None are known of a group that ended too early.
type events struct {
	over  uint64 // times that the group was at its own limit
	kills uint64 // processes that were killed, for whatever lack of memory
}

// Shortage says whose memory ran out, if the kernel has killed a process of a group for that.
type Shortage int

// Shortages.
const (
	NoShortage      Shortage = iota // it has killed nothing for memory
	GroupShortage                   // all together had as much as they may have
	MachineShortage                 // this machine, or a group around this one, had no memory left
)

// Find returns how this machine bounds sums. Only the first call looks, which takes some milliseconds as root, and some
// 50 ms else.
var Find = sync.OnceValue(func() Way {
	if os.Geteuid() == 0 {
		return findGroups()
	}
	return findSystemd()
})

// Group bounds one command.
type Group struct {
	group group
	ended *events // nil until they are asked for
}

// New makes a group. Close must follow. The error is a *NoneError if this machine has no way.
func New(limits Limits) (*Group, error) {
	way := Find()
	if way.make == nil {
		return nil, &NoneError{way.Why}
	}
	g, err := way.make(limits)
	if err != nil {
		return nil, fmt.Errorf("bound memory and processes (%s): %w", way.Name, err)
	}
	return &Group{group: g}, nil
}

// NoneError means that a sum cannot be bounded on this machine.
type NoneError struct{ Why string }

func (e *NoneError) Error() string {
	return "nothing limits the total memory and number of processes: " + e.Why
}

// Start starts a command in the group. It is in there before its program begins.
func (g *Group) Start(cmd *exec.Cmd) error {
	if cmd.Stdin != nil {
		return errors.New("a bounded command has no standard input")
	}
	if err := g.group.wrap(cmd); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := g.group.entered(cmd.Process.Pid); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	return nil
}

// Shortage says, after the command has ended, whether the kernel has killed something in the group for memory, and why:
// processes are also killed if others than they have filled this machine. The number of processes cannot be exceeded:
// fork fails.
func (g *Group) Shortage() Shortage {
	if g.ended == nil {
		e := g.group.events()
		g.ended = &e
	}
	switch {
	case g.ended.kills == 0:
		return NoShortage
	case g.ended.over == 0:
		return MachineShortage
	}
	return GroupShortage
}

// Close removes the group. What still runs in it is killed.
func (g *Group) Close() error { return g.group.close() }

// gate holds a program back until its process is in the group: a shell reads a line first, and becomes the program.
type gate struct{ in, open *os.File }

func (g *gate) wrap(cmd *exec.Cmd) error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	g.in, g.open = in, out
	cmd.Stdin = in
	cmd.Args = append([]string{"/bin/sh", "-c", `read line && exec "$@" </dev/null`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	return nil
}

// pass lets the program begin, unless its process could not be put into the group.
func (g *gate) pass(entered error) error {
	if entered == nil {
		_, entered = g.open.WriteString("\n")
	}
	return errors.Join(entered, g.in.Close(), g.open.Close())
}

// TotalMemory is this machine's memory in bytes, 0 if that is unknown.
func TotalMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
