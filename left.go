// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
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
	if left := site.Remains(); len(left) > 0 {
		return &LeftError{Left: left, Err: cause}
	}
	return cause
}
