// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// traceProve makes every hook fire, then begins the time that counts. A probe
// module that the kernel refuses costs the proof, not the trace.
func (a *Agent) traceProve(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.ProveArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	t := a.trace.tracer
	if t == nil {
		return nil, nil, errors.New("the tracer does not run")
	}
	if err := signalMyself(); err != nil {
		return nil, nil, err
	}
	result := new(wire.ProveResult)
	if args.Module != "" {
		if err := runProbe(args.Module); err != nil {
			result.Refused = err.Error()
		}
	}
	var err error
	if result.MarkNS, err = t.Mark(); err != nil {
		return nil, nil, err
	}
	result.Hooks, err = hooks(t)
	return result, nil, err
}

// signalMyself has a signal delivered to a process. The Go runtime has a handler
// for SIGWINCH and passes over it; PID 1 gets what it has handlers for.
func signalMyself() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGWINCH); err != nil {
		return fmt.Errorf("send a signal to the agent: %w", err)
	}
	return nil
}

// runProbe loads modules/probe. Its init does all the work and then refuses to
// stay, so that success is ECANCELED.
func runProbe(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := unix.FinitModule(int(f.Fd()), "", 0); {
	case errors.Is(err, unix.ECANCELED):
		return nil
	case err == nil:
		return errors.New("the probe module stayed, which it never does")
	default:
		return fmt.Errorf("finit_module: %w", err)
	}
}
