// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Command is a program that runs in the guest with the caller's streams: a person's shell, or a test of a test runner.
type Command struct {
	Streams
	Begin, End func()          // called around its run; nil: not
	Tell       func(string)    // told in its run of what the kernel reports; nil: not
	Kill       <-chan struct{} // ends it
	Fetch      []Fetch         // files that come back from the guest
}

// Fetch is a file of the guest's system, or a folder with all that is in it. A file that is not there is left out.
type Fetch struct {
	Guest  string
	Folder bool
	Take   func(name string, data []byte) // name is relative to Guest; empty for a file
}

// errUnwanted ends the wait for a program that was to end and does not.
var errUnwanted = errors.New("it does not end")

// lifePeriod lies between two questions whether the guest still answers; afterCrash is the same once its kernel has
// reported a crash.
const (
	lifePeriod = 10 * time.Second
	afterCrash = 2 * time.Second
)

// run runs the command, if there is one, and brings its files back. The error ends the session.
func (s *session) run(ctx context.Context, c *Command) error {
	p := s.Prepared.Command
	if p == nil || c == nil {
		return nil
	}
	kind := evidence.Command
	if c.Terminal != nil {
		kind = evidence.OnTerminal
	}
	seen := evidence.Test{Name: p.Name, Argv: p.Argv, User: p.User, Kind: kind, Exit: -1}
	if seen.NotRun = s.whyNot(); seen.NotRun != "" {
		s.programs = append(s.programs, seen)
		return nil
	}
	done := s.journal.Phase("command")
	err := s.execute(ctx, c, *p, &seen)
	s.programs = append(s.programs, seen)
	if err != nil {
		return err
	}
	done("", false)
	if s.Log.HasCrashed() {
		return nil
	}
	if err := s.fetch(ctx, c.Fetch); err != nil {
		return err
	}
	return s.noteUnloaded(ctx)
}

// execute runs the program. The error ends the session.
func (s *session) execute(ctx context.Context, c *Command, t payload.Program, seen *evidence.Test) error {
	limit := t.Timeout // a person, or a test runner, has a clock of his own: it is not stretched
	seen.LimitMS = limit.Milliseconds()
	args := wire.ExecArgs{
		Argv: t.Argv, Env: t.Env, Dir: t.Dir, TimeoutMS: seen.LimitMS,
		Guest: &wire.GuestArgs{UID: t.UID, GID: t.GID, Streams: c.args()},
	}
	caller := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var kept ends
	pump := newPump(c.Streams, &kept, s.send)
	var guarding sync.WaitGroup
	written := make(chan struct{})
	go func() { pump.write(); close(written) }()
	if c.Begin != nil {
		c.Begin()
	}
	var pid atomic.Int64 // once it is known
	guarding.Go(func() { s.guard(ctx, c, &pid, limit, cancel) })
	stop := func() {}
	var ended wire.ExecResult
	began := time.Now()
	_, err := s.Follow(ctx, wire.OpExec, args, nil, &ended, func(m *wire.Message) {
		var news wire.Started
		switch {
		case m.Op != wire.OpStarted:
			if err := pump.put(m.Op, m.Blob); err != nil {
				cancel(err)
			}
		case seen.PID == 0 && json.Unmarshal(m.Body, &news) == nil && news.PID != 0:
			seen.PID, seen.StartNS = news.PID, news.NS
			pid.Store(int64(news.PID))
			stop = pump.run(ctx, news.PID, cancel)
		}
	})
	pump.end()
	select {
	case <-written:
		seen.Output, seen.Omitted = kept.text()
	case <-ctx.Done(): // whoever takes the output may wait for something himself
	}
	cause := context.Cause(ctx)
	cancel(nil)
	stop()
	guarding.Wait()
	if c.End != nil {
		c.End()
	}
	if err == nil {
		return s.noteTest(seen, t, ended)
	}
	seen.MS = float64(time.Since(began).Microseconds()) / 1000
	if caller.Err() != nil { // nobody waits for a verdict
		return context.Cause(caller)
	}
	return s.noteLost(seen, t, cause, err)
}

// send makes a call with a blob.
func (s *session) send(ctx context.Context, op string, args any, blob []byte, result any) error {
	_, err := s.Stream(ctx, op, args, blob, result, nil)
	return err
}

// noteLost notes that a program's end was not seen.
func (s *session) noteLost(seen *evidence.Test, t payload.Program, cause, err error) error {
	var refused *wire.CallError
	if cause == nil && errors.As(err, &refused) {
		seen.Refused = refused.Text
		return nil
	}
	var call *lab.CallError
	if s.Log.HasCrashed() {
		seen.Unknown = evidence.CrashedMeanwhile
		return s.noteCrashed(s.observer(Step{Argv: t.Argv}))
	}
	seen.Unknown = "the machine did not answer any more while it ran"
	switch {
	case errors.Is(cause, errUnwanted):
		return s.Failed("end "+t.Name, context.DeadlineExceeded)
	case errors.As(cause, &call):
		return call
	case cause != nil:
		err = cause
	}
	return s.Failed("run "+t.Name, err)
}

// guard watches the machine while a program runs, whose time may have no limit, and ends the program when it is to end.
// cancel ends the wait for it.
func (s *session) guard(
	ctx context.Context, c *Command, pid *atomic.Int64, limit time.Duration, cancel context.CancelCauseFunc,
) {
	crashed, kill := s.Log.Crashed(), c.Kill
	var late <-chan time.Time // it was to have ended
	if limit > 0 {
		late = time.After(limit + answerGrace(s.Scale))
	}
	period := time.NewTicker(lifePeriod)
	defer period.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-kill:
			kill, late = nil, time.After(answerGrace(s.Scale))
			if err := s.kill(ctx, int(pid.Load())); err != nil {
				cancel(err)
			}
		case <-late:
			cancel(errUnwanted)
		case <-crashed:
			crashed = nil
			if c.Terminal == nil {
				late = time.After(crashGrace)
				continue
			}
			if c.Tell != nil {
				c.Tell("the kernel has reported a crash; the shell works as long as the machine does, and the verdict follows at its end")
			}
			period.Reset(afterCrash)
		case <-period.C:
			if err := s.alive(ctx); err != nil {
				cancel(err)
			}
		}
	}
}

// killLimit is how long a guest may take to note that a program is to end. A person waits for it.
func killLimit(scale time.Duration) time.Duration { return 2*time.Second + time.Second*scale/2 }

// kill has the guest end a program.
func (s *session) kill(ctx context.Context, pid int) error {
	within, cancel := context.WithTimeout(ctx, killLimit(s.Scale))
	defer cancel()
	if err := s.Call(within, wire.OpKill, wire.KillArgs{PID: pid}, nil); err != nil && ctx.Err() == nil {
		return s.Failed("end the program", err)
	}
	return nil
}

// alive asks the guest for its clock. Its error is that it does not answer. If a module keeps the CPUs from that, they
// are sampled.
func (s *session) alive(ctx context.Context) error {
	within, cancel := s.Deadline(ctx)
	defer cancel()
	var clock wire.ClockResult
	if err := s.Call(within, wire.OpClock, nil, &clock); err != nil && ctx.Err() == nil {
		return s.Failed("while a program ran", err)
	}
	return nil
}

// Bounds of what comes back from the guest.
const (
	maxFetched = 256 << 20 // bytes of one file
	allFetched = 1 << 30   // bytes of all files
	mostFiles  = 10_000    // of a folder
)

// fetch brings files back.
func (s *session) fetch(ctx context.Context, list []Fetch) error {
	left := allFetched
	for _, f := range list {
		names := []string{""}
		if f.Folder {
			var err error
			if names, err = s.listFolder(ctx, f.Guest); err != nil {
				return err
			}
		}
		if len(names) > mostFiles {
			s.journal.Log(fmt.Sprintf("%s has %d files, of which %d are brought back", f.Guest, len(names), mostFiles))
			names = names[:mostFiles]
		}
		for _, name := range names {
			n, err := s.fetchOne(ctx, f, name, min(left, maxFetched))
			if err != nil {
				return err
			}
			left -= n
		}
	}
	return nil
}

func (s *session) listFolder(ctx context.Context, dir string) ([]string, error) {
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	var answer wire.ListResult
	var refused *wire.CallError
	err := s.Call(ctx, wire.OpList, wire.ListArgs{Dir: dir, Guest: true}, &answer)
	if err != nil && !errors.As(err, &refused) {
		return nil, s.Failed("list "+dir, err)
	}
	return answer.Files, nil
}

// fetchOne brings one file back, of at most so many bytes, and returns how many it has.
func (s *session) fetchOne(ctx context.Context, f Fetch, name string, most int) (int, error) {
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	file := path.Join(f.Guest, name)
	data, err := boot.ReadGuest(ctx, s.Client, file, most)
	var refused *wire.CallError
	switch {
	case err == nil:
		f.Take(name, data)
		return len(data), nil
	case errors.Is(err, boot.ErrLonger):
		s.journal.Log(fmt.Sprintf("%s is not brought back: it is larger than %d MiB", file, most>>20))
	case !errors.As(err, &refused): // else it is not there
		return 0, s.Failed("read "+file, err)
	}
	return 0, nil
}

// noteUnloaded notes that a person has unloaded modules, so that the search for what they left takes place.
func (s *session) noteUnloaded(ctx context.Context) error {
	loaded, err := s.listModules(ctx)
	if err != nil {
		return s.Failed("list modules", err)
	}
	still := make(map[string]bool)
	for _, m := range loaded {
		still[m.Name] = true
	}
	for _, m := range s.modules {
		s.unloaded = s.unloaded || m.Loaded && !still[m.Name]
	}
	return nil
}
