// SPDX-License-Identifier: MIT

package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/tap"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// tests runs the programs, one after the other. After one that brings the machine down, the others do not run.
func (s *session) tests(ctx context.Context, list []payload.Program) error {
	var failed error
	for i, t := range list {
		why := s.whyNot()
		if failed != nil {
			why = "the run had ended"
		}
		if why != "" {
			s.programs = append(s.programs, evidence.Test{Name: t.Name, Argv: t.Argv, User: t.User, NotRun: why})
			continue
		}
		done := s.journal.Phase("test")
		s.journal.Progress(notify.Progress{Detail: fmt.Sprintf("%s (%d of %d)", t.Name, i+1, len(list))})
		seen, err := s.test(ctx, t)
		s.programs = append(s.programs, seen)
		s.journal.Tested(seen.Name, nil)
		if failed = err; failed == nil {
			done("", false)
		}
	}
	return failed
}

// tidy undoes what the tests have mounted and left. It is theirs, and must not keep a module.
func (s *session) tidy(ctx context.Context) error {
	if len(s.programs) == 0 || s.Log.HasCrashed() {
		return nil
	}
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	var left wire.TidyResult
	if err := s.Call(ctx, wire.OpTidy, nil, &left); err != nil {
		return s.Failed("unmount what the tests left", err)
	}
	if len(left.Mounts) > 0 {
		s.journal.Log("the tests left mounts, which are undone now: " + plain.Text(strings.Join(left.Mounts, ", ")))
	}
	return nil
}

// whyNot says why no test is run any more, "" if the next one is.
func (s *session) whyNot() string {
	if s.failed(evidence.Load) != nil {
		return "a module was not loaded"
	}
	if s.Log.HasCrashed() {
		return "the kernel had crashed"
	}
	return ""
}

// test runs one program. The error ends the run.
func (s *session) test(ctx context.Context, t payload.Program) (evidence.Test, error) {
	seen := evidence.Test{Name: t.Name, Argv: t.Argv, User: t.User, Exit: -1}
	limit := cmp.Or(t.Timeout, s.options.StepTimeout) * s.Scale
	seen.LimitMS = limit.Milliseconds()
	args := wire.ExecArgs{
		Argv: t.Argv, Env: t.Env, Dir: t.Dir, TimeoutMS: s.guestLimit(limit).Milliseconds(), Follow: true,
		Guest: &wire.GuestArgs{UID: t.UID, GID: t.GID, MaxOutput: evidence.MaxTestOutput},
	}
	// Of its last output some may still be on the way.
	ctx, cancel := s.Within(ctx, limit+2*answerGrace(s.Scale))
	defer cancel()
	ctx, stop := s.untilCrash(ctx)
	defer stop()
	out := testOutput{tell: func(p []byte) { s.journal.Tested(t.Name, p) }}
	var ended wire.ExecResult
	began := time.Now()
	_, err := s.Follow(ctx, wire.OpExec, args, nil, &ended, func(m *wire.Message) {
		var news wire.Started
		if m.Op == wire.OpStarted && json.Unmarshal(m.Body, &news) == nil {
			seen.PID, seen.StartNS = news.PID, news.NS
			return
		}
		out.Write(m.Blob)
	})
	crashed := errors.Is(context.Cause(ctx), errCrashed)
	stop()
	out.end(&seen, ended)
	var refused *wire.CallError
	switch {
	case err == nil:
		return seen, s.noteTest(&seen, t, ended)
	case errors.As(err, &refused):
		seen.Refused = refused.Text
		return seen, nil
	}
	seen.MS = float64(time.Since(began).Microseconds()) / 1000
	if crashed {
		seen.Unknown = evidence.CrashedMeanwhile
		return seen, s.noteCrashed(s.observer(Step{Argv: t.Argv}))
	}
	failed := s.Failed("run the test "+t.Name, err)
	seen.Unknown = "the machine did not answer any more while it ran"
	var away *lab.WentAway
	if call, is := errors.AsType[*lab.CallError](failed); is && errors.As(call.Ended, &away) {
		seen.Unknown = "the machine went away while it ran"
	}
	return seen, failed
}

// noteTest notes how a program ended. The error is that not even SIGKILL ended it.
func (s *session) noteTest(seen *evidence.Test, t payload.Program, ended wire.ExecResult) error {
	seen.PID, seen.Exit, seen.Signal, seen.TimedOut = ended.PID, ended.Exit, ended.Signal, ended.TimedOut
	seen.MS, seen.EndNS, seen.Left, seen.Processes = ended.MS, ended.EndNS, ended.Left, ended.Processes
	seen.LeftCount = ended.LeftCount
	if ended.TimedOut { // they were ended together with it, and did not outlive it
		seen.Left, seen.LeftCount = nil, 0
	}
	s.taint.After = ended.Taint
	if !ended.TimedOut && !ended.Stuck {
		return nil
	}
	if stalled := s.Stalled(); stalled != nil {
		seen.Unknown = "this machine did not let the guest run"
		return s.Failed("run the test "+t.Name, stalled)
	}
	o := s.observer(Step{Argv: t.Argv})
	study := o.watch.Study
	study.Step.PID = ended.PID
	seen.Waits = study.Find(tasksOf(ended.Tasks), slices.Concat(s.Console(), []byte("\n"), ended.Running))
	if !ended.Stuck {
		return nil
	}
	seen.Unknown = "not even SIGKILL ended it"
	s.taint.AtEnd = true // nothing follows
	s.noteStuck(ended, o)
	return &evidence.Failure{
		Kind:    evidence.Timeout,
		Message: fmt.Sprintf("%s hangs in the kernel: not even SIGKILL ends it", t.Name),
		Hint:    "a function of the module waits for something that never happens, or does not end",
	}
}

// testOutput takes a program's output: it keeps the ends, reads TAP, and tells whoever watches.
type testOutput struct {
	kept ends
	tap  tap.Reader
	tell func([]byte)
}

func (o *testOutput) Write(p []byte) (int, error) {
	o.kept.Write(p)
	o.tap.Write(p)
	o.tell(p)
	return len(p), nil
}

func (o *testOutput) end(seen *evidence.Test, ended wire.ExecResult) {
	o.kept.skip(ended.Omitted)
	o.kept.Write(ended.Tail)
	seen.Unread = ended.Omitted+int64(len(ended.Tail)) > 0
	seen.Output, seen.Omitted = o.kept.text()
	seen.TAP = o.tap.Result()
}

// ends keeps the first and the last bytes of what is written.
type ends struct {
	first, last []byte
	total       int64
	cut         bool // the first bytes are complete
}

// endSize is how much of each end is kept.
const endSize = 128 << 10

var _ io.Writer = (*ends)(nil)

func (e *ends) Write(p []byte) (int, error) {
	e.total += int64(len(p))
	n := min(len(p), endSize-len(e.first))
	if e.cut {
		n = 0
	}
	e.first = append(e.first, p[:n]...)
	e.last = append(e.last, p[n:]...)
	if over := len(e.last) - endSize; over > endSize { // not at each write
		e.last = append(e.last[:0], e.last[over:]...)
	}
	return len(p), nil
}

// skip counts bytes that never came.
func (e *ends) skip(n int64) { e.total, e.cut = e.total+n, e.cut || n > 0 }

func (e *ends) text() (text string, omitted int64) {
	last := e.last[max(0, len(e.last)-endSize):]
	omitted = e.total - int64(len(e.first)+len(last))
	if omitted == 0 {
		return string(e.first) + string(last), 0
	}
	return strings.Join([]string{string(e.first), string(last)}, omission), omitted
}

// omission stands where output is left out.
const omission = "\n…\n"
