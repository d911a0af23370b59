// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// Trace says how long to watch, and what to run meanwhile.
type Trace struct {
	Options
	For   time.Duration // 0: until the command ends
	Argv  []string      // in the guest, or with Here a child of this process
	Stdin io.Reader     // of a child
	// Missing returns the names that a filter asks for and no event has.
	Missing func([]event.Event) []string
}

// Interrupter lets a caller's context end a trace: a trace that is in progress ends early
// and is reported all the same; one that has not begun is given up.
type Interrupter struct {
	mu       sync.Mutex
	watching bool
	stopped  bool
	stop     chan struct{} // closed when the caller has seen enough
	cancel   context.CancelCauseFunc
}

// Interruptible returns a context for the work of a trace. It ends with ctx only if the
// Interrupter says so. release must be called.
func Interruptible(ctx context.Context) (work context.Context, i *Interrupter, release func()) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	i = &Interrupter{stop: make(chan struct{}), cancel: cancel}
	unhook := context.AfterFunc(ctx, func() { i.interrupt(context.Cause(ctx)) })
	return work, i, func() { unhook(); cancel(nil) }
}

func (i *Interrupter) interrupt(cause error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.watching {
		i.stopped = true
		close(i.stop)
		return
	}
	if !i.stopped {
		i.cancel(cause)
	}
}

func (i *Interrupter) setWatching(on bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.watching = on
	i.stopped = i.stopped || !on // from now on there is something to report
}

// watcher is one trace in progress.
type watcher struct {
	*session
	trace Trace
	i     *Interrupter
}

// RunTrace watches a machine. The lab is closed afterwards.
func RunTrace(ctx context.Context, l *lab.Lab, t Trace, i *Interrupter, j *notify.Journal) *evidence.Evidence {
	w := &watcher{session: newSession(l, t.Options, j), trace: t, i: i}
	w.modules = nil // the trace says what is loaded
	err := w.steps(ctx, l.Attach, w.baseline, w.watch, w.detach)
	if err == nil {
		l.PowerOff(ctx)
	}
	e := w.evidence(ctx, err)
	if missing := t.Missing(e.Trace.Events); len(missing) > 0 {
		e.Passed += ", and nothing matched " + strings.Join(missing, ", ")
		e.PassHint = "spell names as ps -e (a thread's first 15 characters), lsmod and kill -l print them; otherwise it did not happen"
	}
	return e
}

// watch lets the machine run until the time is over, the caller has seen enough or, if
// no time was given, the command has ended.
func (w *watcher) watch(ctx context.Context) error {
	w.i.setWatching(true)
	defer w.i.setWatching(false)
	done := w.journal.Phase("trace")
	start := time.Now()
	command, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := w.start(command)
	err := w.await(ctx, ended)
	cancel()
	if ended != nil {
		for end := range ended { // a child of ours does not outlive us
			if end.err == nil {
				w.commandEnded(end)
			}
		}
	}
	w.passed = fmt.Sprintf("traced for %.1f s", time.Since(start).Seconds())
	done("", false)
	return err
}

func (w *watcher) await(ctx context.Context, ended <-chan commandEnd) error {
	var over <-chan time.Time
	if w.trace.For > 0 {
		timer := time.NewTimer(w.trace.For)
		defer timer.Stop()
		over = timer.C
	}
	crashed := w.Log.Crashed()
	for {
		select {
		case end := <-ended:
			if err := w.commandEnded(end); err != nil {
				return err
			}
			if over == nil {
				return nil
			}
			ended = nil // what it started may still run
		case <-over:
			return nil
		case <-w.i.stop:
			return nil
		case <-crashed:
			crashed, over = nil, time.After(reportTime)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.Done():
			return w.Failed("while tracing", w.Err())
		}
	}
}

// commandEnd is how the command ended.
type commandEnd struct {
	exit     int
	ms       float64
	failure  *evidence.Failure // it did not run, or not in time
	err      error             // the machine did not answer
	byCaller bool              // ended by us, so its exit status is no failure
}

// start runs the command, here or in the guest. The channel gets one value, and is closed
// once the command has ended; it is nil if there is no command.
func (w *watcher) start(ctx context.Context) <-chan commandEnd {
	if len(w.trace.Argv) == 0 {
		return nil
	}
	w.journal.Start(w.trace.Argv)
	ended := make(chan commandEnd, 1)
	run := w.inGuest
	if w.Here {
		run = w.asChild
	}
	go func() {
		defer close(ended)
		ended <- run(ctx)
	}()
	return ended
}

// commandEnded records how the command ended.
func (w *watcher) commandEnded(end commandEnd) error {
	if end.err != nil {
		return w.Failed(strings.Join(w.trace.Argv, " "), end.err)
	}
	if end.failure != nil {
		w.fail(end.failure)
	}
	if end.byCaller || end.failure != nil && end.failure.Kind == evidence.Host {
		return nil
	}
	w.journal.Keep(result.Command{Argv: w.trace.Argv, Exit: end.exit, MS: end.ms})
	if end.exit != 0 {
		w.unmet = append(w.unmet, fmt.Sprintf("%s failed with exit status %d", strings.Join(w.trace.Argv, " "), end.exit))
	}
	return nil
}

// inGuest has the agent run the command.
func (w *watcher) inGuest(ctx context.Context) commandEnd {
	argv := slices.Clone(w.trace.Argv)
	argv[0] = path.Base(argv[0])
	timeout := w.options.StepTimeout * w.Scale
	ctx, cancel := context.WithTimeout(ctx, timeout+answerGrace(w.Scale))
	defer cancel()
	args := wire.ExecArgs{Argv: argv, TimeoutMS: timeout.Milliseconds()}
	var end wire.ExecResult
	_, err := w.Stream(ctx, wire.OpExec, args, nil, &end, func(b []byte) {
		if out := w.journal.Output(); out != nil {
			out.Write(b)
		}
	})
	ended := commandEnd{exit: end.Exit, ms: end.MS, err: err}
	if err != nil || !end.TimedOut {
		return ended
	}
	if ended.err = w.Stalled(); ended.err == nil {
		ended.failure = &evidence.Failure{
			Kind: evidence.Timeout, Message: fmt.Sprintf("%s did not finish within %s", strings.Join(argv, " "), timeout),
		}
	}
	return ended
}

// killGrace is how long a child may take to end after SIGTERM.
const killGrace = 5 * time.Second

// asChild runs the command as a child of this process.
func (w *watcher) asChild(ctx context.Context) commandEnd {
	start := time.Now()
	argv := w.trace.Argv
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = w.trace.Stdin, w.journal.Output(), w.journal.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killGrace
	err := cmd.Run()
	end := commandEnd{ms: float64(time.Since(start).Microseconds()) / 1000, byCaller: ctx.Err() != nil}
	var failed *exec.ExitError
	switch {
	case end.byCaller:
	case errors.As(err, &failed):
		end.exit = failed.ExitCode()
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			end.exit = 128 + int(status.Signal())
		}
	case err != nil:
		end.failure = &evidence.Failure{Kind: evidence.Host, Message: fmt.Sprintf("run %s: %v", argv[0], err)}
	}
	return end
}
