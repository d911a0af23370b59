// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"io"
	"sync"

	"github.com/kmodlab/kmodlab"
)

// telling shows progress, except while a program has the terminal.
type telling struct {
	errOut io.Writer

	mu   sync.Mutex
	told *progress // nil while the program has the terminal
}

// showPhases shows the phases of a run until it is stopped or ctx ends.
func (o *telling) showPhases(ctx context.Context, w *kmodlab.Watch) (stop func()) {
	o.tell()
	w.Phase = func(p kmodlab.Progress) {
		if told := o.teller(); told != nil {
			told.phase(p)
		}
	}
	forget := context.AfterFunc(ctx, o.hush)
	return func() {
		forget()
		o.hush()
	}
}

// tell begins to show progress.
func (o *telling) tell() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told == nil {
		o.told = newProgress(o.errOut)
	}
}

// hush ends it.
func (o *telling) hush() {
	o.mu.Lock()
	told := o.told
	o.told = nil
	o.mu.Unlock()
	if told != nil {
		told.close()
	}
}

func (o *telling) teller() *progress {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.told
}
