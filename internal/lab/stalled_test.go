// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// TestFailedStalled: a guest that was kept from running did not miss its deadline.
func TestFailedStalled(t *testing.T) {
	kept := &StallError{Text: "QEMU was stopped"}
	late := fmt.Errorf("exec: %w", context.DeadlineExceeded)
	for name, c := range map[string]struct {
		err, stalled error
		want         error // the cause
	}{
		"late":                    {late, nil, context.DeadlineExceeded},
		"late, and was stopped":   {late, kept, kept},
		"garbled in the meantime": {wire.ErrGarbled, kept, wire.ErrGarbled},
		"known to be stopped":     {kept, nil, kept},
	} {
		l := &Lab{machine: machine{stalled: func() error { return c.stalled }}}
		err := l.Failed("modprobe m", c.err)
		if !errors.Is(err, c.want) || c.want == kept && errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&Lab{}).Stalled(); err != nil {
		t.Errorf("this machine: %v", err)
	}
}
