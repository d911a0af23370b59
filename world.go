// SPDX-License-Identifier: MIT

package kmodlab

import (
	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/internal/session"
)

// World is what modules find in the guest other than usual. The zero value changes nothing.
type World struct {
	// Modprobe is what the kernel finds when a module asks for another one.
	Modprobe Modprobe
	// Absent names modules that Dir or Files bring and that the guest does not get, as if nobody had installed them.
	Absent []string
	// Fail makes one call of a module fail; nil for none.
	Fail *Fail
	// TargetExits has a task end just before a module uses it; nil for none.
	TargetExits *Target
}

// Target is a task that a module finds, and that ends just before the module uses it: it gets SIGKILL, and the module's
// call waits until it is gone. Most often it is a program that a test has started.
type Target struct {
	// Name is the task's, as in /proc/PID/comm.
	Name string
	// Nth is before which use of the task by the module it ends, from 1; 0 is the first. Uses are calls of get_pid_task,
	// pid_task, kill_pid, send_sig, send_sig_info, wake_up_process, get_task_pid and get_task_mm.
	Nth int
	// Module is whose uses count; empty: the only module of the run's own that is loaded and has any.
	Module string
}

// want is what is asked of the run; nil for nothing.
func (t *Target) want() *failable.Target {
	if t == nil {
		return nil
	}
	return &failable.Target{Name: t.Name, Nth: max(t.Nth, 1), Module: t.Module}
}

func (t *Target) check() error {
	if t == nil {
		return nil
	}
	if t.Nth < 0 {
		return usage("World.TargetExits", "a negative number makes no sense: the first use is 1")
	}
	if err := t.want().Check(); err != nil {
		return usage("World.TargetExits", "%v", err)
	}
	return nil
}

// Fail is a call of a module that is made to fail: it returns an error, and nothing else happens.
type Fail struct {
	// Module is whose calls count; empty: the only module of the run's own that is loaded.
	Module string
	// Call is a call as sources have it, such as kmalloc, or the name of a function of the kernel, such as
	// kthread_create_on_node. docs/failing-calls.md lists them.
	Call string
	// Nth is which call of the run fails, from 1; 0 is the first.
	Nth int
}

// want is what is asked of the run; nil for nothing.
func (f *Fail) want() *failable.Want {
	if f == nil {
		return nil
	}
	return &failable.Want{Call: f.Call, Nth: max(f.Nth, 1), Module: f.Module}
}

func (f *Fail) check() error {
	if f == nil {
		return nil
	}
	if f.Nth < 0 {
		return usage("World.Fail", "a negative number makes no sense: the first call is 1")
	}
	if err := f.want().Check(); err != nil {
		return usage("World.Fail", "%v", err)
	}
	return nil
}

// Modprobe is what request_module() reaches.
type Modprobe string

// What request_module() may reach.
const (
	ModprobePresent  Modprobe = ""         // the agent's modprobe
	ModprobeMissing  Modprobe = "missing"  // /proc/sys/kernel/modprobe names a file that is not there
	ModprobeDisabled Modprobe = "disabled" // /proc/sys/kernel/modprobe is empty: the kernel starts no helper
)

// maxRounds bounds Spec.Rounds. The trace of all of them is kept in memory.
const maxRounds = 1000

func (s Spec) checkWorld() error {
	switch s.World.Modprobe {
	case ModprobePresent, ModprobeMissing, ModprobeDisabled:
	default:
		return usage("World.Modprobe", "%q is unknown: choose missing or disabled", string(s.World.Modprobe))
	}
	if err := s.World.Fail.check(); err != nil {
		return err
	}
	if err := s.World.TargetExits.check(); err != nil {
		return err
	}
	if s.World.Fail != nil && s.World.TargetExits != nil {
		return usage("World", "one thing goes wrong in a run: leave out one of Fail and TargetExits")
	}
	if s.Here && (s.World.Modprobe != "" || len(s.World.Absent) > 0 || s.World.Fail != nil || s.World.TargetExits != nil) {
		return usage("World", "this machine stays as it is: leave out one of World and Here")
	}
	switch {
	case s.Rounds < 0:
		return usage("Rounds", "a negative number makes no sense")
	case s.Rounds > maxRounds:
		return usage("Rounds", "%d is too many: %d at most", s.Rounds, maxRounds)
	case s.Rounds > 1 && s.Script != nil:
		return usage("Rounds", "a script says itself what is done how often: leave out one of Rounds and Script")
	case s.Rounds > 1 && s.Command != nil:
		return usage("Rounds", "a command runs once: leave out one of Rounds and Command")
	}
	return nil
}

// helperPath is what the kernel's modprobe path becomes, nil if it stays as it is.
func (w World) helperPath() *string {
	path, changed := map[Modprobe]string{
		ModprobeMissing: session.MissingModprobe, ModprobeDisabled: "",
	}[w.Modprobe]
	if !changed {
		return nil
	}
	return &path
}
