// SPDX-License-Identifier: MIT

package evidence

import "github.com/kmodlab/kmodlab/internal/hostfault"

// Kind says what failed.
type Kind string

// The kinds of failure.
const (
	Build     Kind = "build"     // the sources do not build
	Preflight Kind = "preflight" // the module cannot fit this kernel; nothing was booted
	Program   Kind = "program"   // a program cannot run in the guest; nothing was booted
	Host      Kind = "host"      // this machine failed: no QEMU, QEMU killed, disk full
	Lost      Kind = "lost"      // the guest went silent or spoke garbage
	Timeout   Kind = "timeout"   // a deadline passed
	Load      Kind = "load"      // finit_module refused
	Unload    Kind = "unload"    // delete_module refused
)

// Failure is why a step of the run did not succeed. Message is one sentence, Hint what
// the person can do next; if one is empty, the verdict has a default for the kind. It
// is an error, so that a step can return it as it is.
type Failure struct {
	Kind    Kind
	Message string
	Hint    string
	// Signal ended the command of that process, if a signal did.
	Signal string
	PID    int
	// Module refused its own load: its init function returned -Errno.
	Module string
	Errno  int
}

func (f *Failure) Error() string { return f.Message }

// HostFailure is a failure of this machine. What its own error says to do goes before hint.
func HostFailure(err error, hint string) *Failure {
	if known, is := hostfault.Of(err); is {
		hint = known
	}
	return &Failure{Kind: Host, Message: err.Error(), Hint: hint}
}

// Failed returns the first failure of a kind, or nil.
func (e *Evidence) Failed(kind Kind) *Failure {
	for i := range e.Failures {
		if e.Failures[i].Kind == kind {
			return &e.Failures[i]
		}
	}
	return nil
}
