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

// traceProve is the self-test: it makes every hook fire, and then begins the time that counts. If the kernel refuses
// the probe module, only the self-test is lost, not the trace.
func (a *Agent) traceProve(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.ProveArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	t := a.trace.tracer
	if t == nil {
		return nil, nil, errors.New("the tracer is not running")
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

// signalMyself delivers a signal to a process. The Go runtime has a handler for SIGWINCH and ignores it; PID 1 only
// gets signals that it has handlers for.
func signalMyself() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGWINCH); err != nil {
		return fmt.Errorf("send a signal to the agent: %w", err)
	}
	return nil
}

// runProbe loads modules/probe. Its init does all the work and then refuses to stay, so ECANCELED means success.
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
