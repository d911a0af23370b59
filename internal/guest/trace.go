// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer"
)

// stopDeadline is how long the records left in the ring may take to reach the host.
const stopDeadline = 60 * time.Second

// traceState is the one tracer of an agent.
type traceState struct {
	mu     sync.Mutex
	tracer *tracer.Tracer
	copied chan error // the result of Copy
}

func (a *Agent) traceStart(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.TraceArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	if a.trace.tracer != nil {
		return nil, nil, errors.New("the tracer is already running")
	}
	t, err := a.startTracer(args)
	if err != nil {
		return nil, nil, err
	}
	a.trace.tracer = t
	a.trace.copied = make(chan error, 1)
	go func() { a.trace.copied <- t.Copy(a.events) }()
	result, err := report(t)
	if err == nil && a.init && t.Programs() != nil {
		// If this fails, the next guest makes its own.
		result.Made = os.WriteFile(wire.ProgramsFile, t.Programs(), 0o600) == nil
	}
	return result, nil, err
}

// startMemory is how much memory attaching may use before garbage is collected.
const startMemory = 160 << 20

// startTracer attaches. In a VM garbage collection is off meanwhile: under emulation attaching took 2.5 to 3.0 s with
// and 1.9 to 2.6 s without it, in four alternating runs, and there is enough memory.
func (a *Agent) startTracer(args wire.TraceArgs) (*tracer.Tracer, error) {
	if a.init {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(startMemory))
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	opts := tracerOptions(args)
	if a.init {
		opts.Programs, _ = os.ReadFile(wire.ProgramsFile) // made again if there is none
	}
	return tracer.Start(opts)
}

// tracerOptions skip noise of ours that concerns no kernel thread: the Go runtime preempts with SIGURG, and every
// process that ends sends SIGCHLD.
func tracerOptions(args wire.TraceArgs) tracer.Options {
	filter := tracer.Filter{
		Thread: args.Filter.Thread, Module: args.Filter.Module, From: args.Filter.From, To: args.Filter.To,
	}
	for _, n := range args.Filter.Signals {
		filter.Signals = append(filter.Signals, syscall.Signal(n))
	}
	return tracer.Options{
		RingBytes: args.RingBytes, BulkBytes: args.BulkBytes,
		SkipSignals: []syscall.Signal{syscall.SIGURG, syscall.SIGCHLD},
		Filter:      filter, Stats: args.Stats, Steady: args.Steady, Calls: args.Calls,
	}
}

// traceStop ends the stream of records; the host has read all of them once it has seen the end mark. The programs stay
// attached unless the host asks to detach them, see tracer.Stop.
func (a *Agent) traceStop(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.TraceStopArgs
	if len(call.Body) > 0 {
		if err := json.Unmarshal(call.Body, &args); err != nil {
			return nil, nil, fmt.Errorf("read arguments: %w", err)
		}
	}
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	t := a.trace.tracer
	if t == nil {
		return nil, nil, errors.New("the tracer is not running")
	}
	if err := t.Stop(); err != nil {
		return nil, nil, err
	}
	select {
	case err := <-a.trace.copied:
		if err != nil {
			return nil, nil, err
		}
	case <-time.After(stopDeadline):
		return nil, nil, errors.New("the host does not read the records")
	}
	a.flushKmsg()
	// Counted when nothing is recorded any more, so that no loss escapes.
	result, err := report(t)
	if args.Detach && err == nil {
		a.trace.tracer = nil
		err = t.Close()
	}
	return result, nil, err
}

// follow has the tracer follow what the caller's thread forks, until end is called, which should be when the program
// has ended: while a map is changed, a preemptible kernel may skip programs on that CPU, and would miss the execve of a
// process that has just been born.
func (s *traceState) follow() (end func(), err error) {
	runtime.LockOSThread()
	unfollow, err := s.followThread()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	return func() { unfollow(); runtime.UnlockOSThread() }, nil
}

// followThread is follow for a thread that belongs to its goroutine anyway.
func (s *traceState) followThread() (end func(), err error) {
	s.mu.Lock()
	t := s.tracer
	s.mu.Unlock()
	if t == nil {
		return nil, errors.New("follow a program: the tracer is not running")
	}
	tid := unix.Gettid()
	if err := t.FollowForks(tid); err != nil {
		return nil, err
	}
	return func() { t.UnfollowForks(tid) }, nil // fails if the tracer is gone, and its map with it
}

func (s *traceState) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tracer != nil {
		s.tracer.Close()
	}
}

func report(t *tracer.Tracer) (*wire.TraceResult, error) {
	hooks, err := hooks(t)
	if err != nil {
		return nil, err
	}
	lost, err := t.Lost()
	if err != nil {
		return nil, err
	}
	result := &wire.TraceResult{Hooks: hooks, Lost: make(map[string]uint64)}
	for kind, n := range lost {
		result.Lost[kind.String()] = n
	}
	return result, nil
}

func hooks(t *tracer.Tracer) ([]wire.Hook, error) {
	hooks, err := t.Hooks()
	if err != nil {
		return nil, err
	}
	list := make([]wire.Hook, 0, len(hooks))
	for _, h := range hooks {
		w := wire.Hook{
			Name: h.Name, Target: h.Target, Kind: h.Kind, Attached: h.Attached, Fired: h.Fired, FiredBefore: h.FiredBefore,
			Missed:   h.Missed,
			Fallback: h.Fallback, Runs: h.Runs, RunNS: h.RunNS, Note: h.Note,
		}
		for _, k := range h.Kinds {
			w.Kinds = append(w.Kinds, k.String())
		}
		list = append(list, w)
	}
	return list, nil
}
