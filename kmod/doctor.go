// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"strings"
)

// Diagnosis says what keeps a loaded module from being unloaded, as of the moment when
// Diagnose looked.
type Diagnosis struct {
	Module    string
	State     State
	Refcnt    int      // -1 if it is not loaded, or the kernel was built without unloading
	Holders   []string // modules that use it
	Permanent bool     // it has an init function and no exit function
	Users     []User   // processes seen to use it; may be empty although Refcnt is not 0
	Mounts    []string // mount points of a file system that it implements
	Kind      error    // ErrInUse, ErrPermanent, ErrBusy, ErrBuiltin, ErrNotLoaded; nil if nothing keeps it
	Cause     string   // one sentence
	Hint      string   // what to do
}

// User is a process that uses a module.
type User struct {
	PID  int
	Comm string
	// How is the sign of it: "stack" (it is inside the module's code now), or the open
	// file that leads to the module.
	How string
}

// String is the process as COMM[PID] (How).
func (u User) String() string { return fmt.Sprintf("%s[%d] (%s)", u.Comm, u.PID, u.How) }

// judge finds the first obstacle, from the facts alone.
func (d *Diagnosis) judge() {
	name := d.Module
	switch {
	case name == "":
		d.Kind, d.Cause = ErrNotLoaded, "no module has an empty name"
	case d.State == StateNone:
		d.Kind, d.Cause = ErrNotLoaded, name+" is not loaded"
	case d.State == StateBuiltin:
		d.Kind, d.Cause = ErrBuiltin, name+" is part of the kernel image"
	case d.State == StateComing:
		d.Kind, d.Cause = ErrBusy, "the init function of "+name+" has not returned: it is waiting, or it crashed"
		d.Hint = "look for a crash in the kernel's log; after one only a restart removes the module"
	case d.State == StateGoing:
		d.Kind, d.Cause = ErrBusy, name+" is being unloaded: its exit function is waiting, or it crashed"
		d.Hint = "look for a crash in the kernel's log; after one only a restart removes the module"
	case len(d.Holders) > 0:
		d.Kind, d.Cause = ErrInUse, name+" is used by "+strings.Join(d.Holders, ", ")
		d.Hint = "unload these first, or run modprobe -r --remove-holders " + name
	case len(d.Mounts) > 0:
		d.Kind, d.Cause = ErrInUse, name+" serves the file systems mounted at "+strings.Join(d.Mounts, ", ")
		d.Hint = "umount " + strings.Join(d.Mounts, " ")
	case len(d.Users) > 0:
		names := make([]string, len(d.Users))
		for i, u := range d.Users {
			names[i] = u.String()
		}
		d.Kind = ErrInUse
		d.Cause = fmt.Sprintf("%s has refcount %d; it is used by %s", name, d.Refcnt, strings.Join(names, ", "))
		d.Hint = "end these processes, or have them close the file"
	case d.Refcnt > 0:
		d.Kind = ErrInUse
		d.Cause = fmt.Sprintf("%s has refcount %d, no holders, and no process is seen to use it:"+
			" a try_module_get() without module_put(), or a socket or timer that holds a reference", name, d.Refcnt)
		d.Hint = "only a restart drops a leaked reference"
	case d.Permanent:
		d.Kind, d.Cause = ErrPermanent, name+" has no exit function"
		d.Hint = "add module_exit() to the source; this one stays until a restart"
	default:
		d.Cause = "nothing keeps " + name + " from being unloaded"
	}
}
