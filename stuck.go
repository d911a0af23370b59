// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// errCrashed ends a wait for a command whose kernel has crashed.
var errCrashed = errors.New("the guest's kernel has crashed")

// untilCrash gives a context that ends some time after the guest's kernel has
// crashed: a processor in a loop would hold the command, and us, until its
// deadline. stop has to be called before anything else looks for a crash.
func (r *run) untilCrash(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	done := make(chan struct{})
	looking.Go(func() {
		look := time.NewTicker(time.Second)
		defer look.Stop()
		for !r.crashed() {
			select {
			case <-look.C:
			case <-done:
				return
			}
		}
		select {
		case <-time.After(crashGrace):
			cancel(errCrashed)
		case <-done:
		}
	})
	return ctx, sync.OnceFunc(func() {
		close(done)
		looking.Wait()
		cancel(nil)
	})
}

// noteStuck keeps who did not get on.
func (r *run) noteStuck(ended wire.ExecResult) {
	console := slices.Concat(r.lab.console(), []byte("\n"), ended.Running)
	r.in.Stuck = hang.Find(ended.Tasks, console, ended.PID, r.studied())
	spins := slices.ContainsFunc(r.in.Stuck, func(s result.Stuck) bool { return s.State == result.Running && s.Site != "" })
	if len(r.in.Stuck) == 0 || !spins && hang.Unseen(ended.Tasks, console) {
		r.askProcessors()
	}
}

// restarts are the kernel's functions that reset a machine.
var restarts = lazyregexp.New(`^(?:native_machine_|machine_|kernel_|emergency_)\w*(?:restart|power_off|halt)|^acpi_\w*(?:reboot|reset|write)|^efi_reboot|^mach_reboot|^kbd_|^native_io_delay|^io_delay`)

const tripleFault = "there it met a triple fault, an exception that could not even be reported (no table of interrupts, no stack), or the module wrote to the hardware's reset"

// explainEnd says why a guest went away by itself, by where its processors were
// then. A triple fault leaves the processor at the instruction that could not go on.
func (r *run) explainEnd(l *locator) {
	lost := r.in.Lost
	if lost == nil || len(r.endedAt) == 0 {
		return
	}
	kernel, unnamed := "", ""
	for _, addr := range r.endedAt {
		site, module := r.trace.placeOf(addr+1, math.MaxInt64) // as of something that returns there
		if slices.Contains(r.studied(), module) {
			if file, line := l.position(site, false); line > 0 {
				site += fmt.Sprintf(" (%s:%d)", file, line)
			}
			lost.Message += ": a processor was at " + site
			lost.Hint = tripleFault
			return
		}
		switch {
		case restarts.MatchString(site):
			kernel = site
		case module == "" && addr >= moduleSpace: // the records of the last milliseconds went with the guest
			unnamed = fmt.Sprintf("a module's code, at %#x", addr)
		}
	}
	if unnamed != "" {
		lost.Message += ": a processor was in " + unnamed
		lost.Hint = tripleFault
		return
	}
	if kernel != "" {
		lost.Message += ": somebody asked for it, a processor was in " + kernel
		lost.Hint = "who calls emergency_restart(), kernel_restart() or kernel_power_off()? That is no error to the kernel, so it says nothing"
		return
	}
	lost.Hint = "most likely a triple fault: the kernel's own memory or tables were overwritten, so that it could not even report it"
}
