// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer"
)

// stopDeadline is how long the records left in the ring may take to reach the
// host.
const stopDeadline = 60 * time.Second

// traceState is the one tracer of an agent.
type traceState struct {
	mu     sync.Mutex
	tracer *tracer.Tracer
	copied chan error // the end of Copy
}

func (a *Agent) traceStart(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.TraceArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	if a.trace.tracer != nil {
		return nil, nil, errors.New("the tracer runs already")
	}
	// The Go runtime preempts with SIGURG, and every process that ends sends
	// SIGCHLD: noise of ours, and nothing that a kernel thread is about.
	t, err := tracer.Start(tracer.Options{
		RingBytes:   args.RingBytes,
		SkipSignals: []syscall.Signal{syscall.SIGURG, syscall.SIGCHLD},
	})
	if err != nil {
		return nil, nil, err
	}
	a.trace.tracer = t
	a.trace.copied = make(chan error, 1)
	go func() { a.trace.copied <- t.Copy(a.events) }()
	result, err := report(t)
	return result, nil, err
}

// traceStop ends the stream of records; the host has read all of them once it
// saw the end mark. The programs stay attached in a VM, see tracer.Stop.
func (a *Agent) traceStop(*wire.Message, func([]byte) error) (any, []byte, error) {
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	t := a.trace.tracer
	if t == nil {
		return nil, nil, errors.New("the tracer does not run")
	}
	result, err := report(t)
	if err != nil {
		return nil, nil, err
	}
	if err := t.Stop(); err != nil {
		return nil, nil, err
	}
	select {
	case err = <-a.trace.copied:
	case <-time.After(stopDeadline):
		err = errors.New("the host does not read the records")
	}
	return result, nil, err
}

func (s *traceState) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tracer != nil {
		s.tracer.Close()
	}
}

func report(t *tracer.Tracer) (*wire.TraceResult, error) {
	hooks, err := t.Hooks()
	if err != nil {
		return nil, err
	}
	lost, err := t.Lost()
	if err != nil {
		return nil, err
	}
	result := &wire.TraceResult{Lost: make(map[string]uint64)}
	for _, h := range hooks {
		result.Hooks = append(result.Hooks, wireHook(h))
	}
	for kind, n := range lost {
		result.Lost[kind.String()] = n
	}
	return result, nil
}

func wireHook(h tracer.Hook) wire.Hook {
	kinds := make([]string, len(h.Kinds))
	for i, k := range h.Kinds {
		kinds[i] = k.String()
	}
	return wire.Hook{
		Name: h.Name, Target: h.Target, Kind: h.Kind,
		Attached: h.Attached, Fired: h.Fired, FiredBefore: h.FiredBefore, Proved: h.Proved,
		Fallback: h.Fallback, Runs: h.Runs, RunNS: h.RunNS, Note: h.Note, Kinds: kinds,
	}
}
