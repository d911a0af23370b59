// SPDX-License-Identifier: MIT

// Package bounds gives a process, with all that it starts, one bound on the sum of their memory and on their number. A
// process's own limits (setrlimit) cannot do that: each process has them anew, and root is exempt from the number.
//
// The kernel's means for it are control groups. As root they are made directly, as version 1 or 2, whichever this
// machine has; other users ask their systemd for a scope.
package bounds

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

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
	// exceeded reports whether the kernel has killed a process of the group for its memory.
	exceeded() bool
	close() error
}

// Find returns how this machine bounds sums. Only the first call looks, which takes some milliseconds as root, and some
// 50 ms else.
var Find = sync.OnceValue(func() Way {
	if os.Geteuid() == 0 {
		return findGroups()
	}
	return findSystemd()
})

// Group bounds one command.
type Group struct{ group group }

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
	return &Group{g}, nil
}

// NoneError means that a sum cannot be bounded on this machine.
type NoneError struct{ Why string }

func (e *NoneError) Error() string { return "memory and processes have no common bound: " + e.Why }

// Start starts a command in the group. It is in there before its program begins.
func (g *Group) Start(cmd *exec.Cmd) error {
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

// Exceeded reports whether something in the group was killed because all together had too much memory. The number of
// processes cannot be exceeded: fork fails.
func (g *Group) Exceeded() bool { return g.group.exceeded() }

// Close removes the group. What still runs in it is killed.
func (g *Group) Close() error { return g.group.close() }

// gate holds a program back until its process is in the group: a shell reads a line first, and becomes the program.
type gate struct{ in, open *os.File }

func (g *gate) wrap(cmd *exec.Cmd) error {
	if cmd.Stdin != nil {
		return errors.New("a bounded command has no standard input")
	}
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

// findSystemd asks the user's systemd for a scope that does nothing.
func findSystemd() Way {
	path, err := exec.LookPath("systemd-run")
	if err != nil {
		return Way{Why: "systemd-run is not installed, and only root can make control groups"}
	}
	w := Way{Name: "a scope of the user's systemd", make: func(l Limits) (group, error) { return &scope{path, l}, nil }}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	trial := exec.CommandContext(ctx, "/bin/true")
	s := &scope{path, Limits{Memory: 64 << 20, Processes: 16}}
	if err := s.wrap(trial); err != nil {
		return Way{Why: err.Error()}
	}
	if out, err := trial.CombinedOutput(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return Way{Why: fmt.Sprintf("systemd-run --user: %v: %s", err, line)}
	}
	return w
}

// scope is made by systemd-run, which then becomes the command.
type scope struct {
	path   string
	limits Limits
}

func (s *scope) wrap(cmd *exec.Cmd) error {
	words := []string{s.path, "--user", "--scope", "--quiet", "--collect",
		"-p", "MemoryMax=" + strconv.FormatInt(s.limits.Memory, 10), "-p", "MemorySwapMax=0",
		"-p", "TasksMax=" + strconv.FormatInt(s.limits.Processes, 10), "--", cmd.Path}
	cmd.Args = append(words, cmd.Args[1:]...)
	cmd.Path = s.path
	for _, name := range []string{"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"} { // where it finds systemd
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return nil
}

func (s *scope) entered(int) error { return nil }
func (s *scope) exceeded() bool    { return false } // its counters are gone with it
func (s *scope) close() error      { return nil }   // it ends with its last process

// Available is a machine's memory in bytes, 0 if that is unknown.
func Available() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
