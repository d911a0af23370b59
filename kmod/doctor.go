// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"strings"
)

// Diagnosis says what keeps a loaded module from being unloaded.
type Diagnosis struct {
	Module    string
	State     State
	Refcnt    int      // -1 where the kernel cannot unload it
	Holders   []string // modules that use it
	Permanent bool     // it has an init function and no exit function
	Users     []User   // processes seen to use it; nobody may be, although Refcnt is not 0
	Mounts    []string // mount points of a file system that it implements
	Kind      error    // ErrInUse, ErrPermanent, ErrBusy, ErrBuiltin, ErrNotLoaded; nil where nothing keeps it
	Cause     string   // one sentence
	Hint      string   // what to do
}

// User is a process that uses a module.
type User struct {
	PID  int
	Comm string
	// How is what shows it: "stack" (it is inside the module's code now), or the
	// open file that leads to the module.
	How string
}

func (u User) String() string { return fmt.Sprintf("%s[%d] (%s)", u.Comm, u.PID, u.How) }

// judge finds what stands in the way first, from facts alone.
func (d *Diagnosis) judge() {
	name := d.Module
	switch {
	case d.State == StateNone:
		d.Kind, d.Cause = ErrNotLoaded, name+" is not loaded"
	case d.State == StateBuiltin:
		d.Kind, d.Cause = ErrBuiltin, name+" is part of the kernel image"
	case d.State == StateComing:
		d.Kind, d.Cause = ErrBusy, "the init function of "+name+" has not returned: it waits, or it crashed"
		d.Hint = "see the kernel's log for a crash; after one only a restart removes the module"
	case d.State == StateGoing:
		d.Kind, d.Cause = ErrBusy, name+" is being unloaded: its exit function waits, or it crashed"
		d.Hint = "see the kernel's log for a crash; after one only a restart removes the module"
	case len(d.Holders) > 0:
		d.Kind, d.Cause = ErrInUse, name+" is used by "+strings.Join(d.Holders, ", ")
		d.Hint = "unload these first, or modprobe -r --remove-holders " + name
	case len(d.Mounts) > 0:
		d.Kind, d.Cause = ErrInUse, name+" serves the file systems mounted at "+strings.Join(d.Mounts, ", ")
		d.Hint = "umount " + strings.Join(d.Mounts, " ")
	case len(d.Users) > 0:
		names := make([]string, len(d.Users))
		for i, u := range d.Users {
			names[i] = u.String()
		}
		d.Kind, d.Cause = ErrInUse, fmt.Sprintf("%s has refcount %d; it is used by %s", name, d.Refcnt, strings.Join(names, ", "))
		d.Hint = "end these processes, or have them close the file"
	case d.Refcnt > 0:
		d.Kind, d.Cause = ErrInUse, fmt.Sprintf("%s has refcount %d, no holders, and no process is seen to use it: a try_module_get without its module_put, or an open socket or timer of it", name, d.Refcnt)
		d.Hint = "a leaked reference is only gone after a restart"
	case d.Permanent:
		d.Kind, d.Cause, d.Hint = ErrPermanent, name+" has no exit function", "add module_exit() to the source; this one stays until a restart"
	default:
		d.Cause = "nothing keeps " + name
	}
}
