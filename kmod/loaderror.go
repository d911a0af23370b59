// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"syscall"
)

// LoadError says why the kernel refused to load or unload a module. errors.Is
// finds both the errno and the sentinel of the cause.
type LoadError struct {
	Op     string // the system call: finit_module, init_module or delete_module
	Module string
	Path   string // empty for delete_module
	Errno  syscall.Errno
	Kmsg   []string // the kernel's log lines during the call, without time stamps
	Cause  string   // one sentence
	Hint   string   // what to do next; may be empty
	// Holders are the modules that use one that would not go, in Op delete_module.
	Holders []string
	Kind    error // one of the package's sentinels; nil where the cause is not known
}

// Error is one line: the module, the system call, the errno, the cause and the hint.
func (e *LoadError) Error() string {
	verb := "load"
	if e.Op == opDelete {
		verb = "unload"
	}
	s := fmt.Sprintf("%s module %s: %s", verb, e.Module, e.Op)
	if e.Errno != 0 { // a call that crashed returned nothing
		s += ": " + e.Errno.Error()
	}
	if e.Cause != "" {
		s += ": " + e.Cause
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap makes errors.Is find the errno and the cause's sentinel.
func (e *LoadError) Unwrap() []error {
	var all []error
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.Kind != nil {
		all = append(all, e.Kind)
	}
	return all
}

const (
	opFinit  = "finit_module"
	opInit   = "init_module"
	opDelete = "delete_module"
)
