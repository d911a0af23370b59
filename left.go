// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/footprint"
)

// LeftError means that ctx ended a run with Here, and that something of it is still on this machine, such as a module
// that does not unload. `kmodlab doctor --mend` tries again to undo it, and so does the next run.
type LeftError struct {
	Left []string // what is left and what to do, a sentence each
	Err  error    // ctx's cause
}

func (e *LeftError) Error() string { return e.Err.Error() + "; " + strings.Join(e.Left, "; ") }
func (e *LeftError) Unwrap() error { return e.Err }

// cutShort returns the error of a run that ctx ended: its cause. A run on this machine's own kernel has been undone by
// then, and this looks whether that worked.
func cutShort(ctx context.Context, here bool) error {
	cause := context.Cause(ctx)
	if !here {
		return cause
	}
	return stillThere(footprint.Here(), cause)
}

// stillThere returns cause, with what is left on a machine, if anything is.
func stillThere(site footprint.Machine, cause error) error {
	left, err := site.Look()
	if _, busy := errors.AsType[*footprint.BusyError](err); busy {
		return cause // another run is at work, which undoes ours as well if need be; what is there is in its notes
	}
	if err != nil {
		return &LeftError{Left: []string{fmt.Sprintf("what is left is unknown: %v", err)}, Err: cause}
	}
	if len(left) == 0 {
		return cause
	}
	e := &LeftError{Err: cause}
	for _, l := range left {
		e.Left = append(e.Left, l.String())
	}
	return e
}
