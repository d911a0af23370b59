// SPDX-License-Identifier: MIT

package kmodlab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// maxKallsyms bounds the guest's /proc/kallsyms; Debian's have 6 to 12 MB.
const maxKallsyms = 64 << 20

// trace is what the tracer in the guest gives the host.
type trace struct {
	started bool
	events  chan received // one value, when the stream has ended
	got     []event.Event
	unkept  map[string]uint64 // events that came after maxEvents of them, by kind
	counted []event.Event     // those of got that count, in the order of time
	err     error             // why the stream ended early
	state   wire.TraceResult
	table   *symbols.Table // names for addresses, once the result is filled
	mark    uint64         // what was recorded before it is the self-test's
	kernel  *symbols.Kernel
	record  bool            // a recording is wanted
	tape    *recording.Tape // of the stream
}

// maxEvents bounds what a trace keeps for its story, and so the memory of the
// host: each takes about 250 bytes, and a stack 100 more. The rest is counted as
// lost.
const maxEvents = 1 << 20

type received struct {
	events []event.Event
	unkept map[string]uint64
	err    error
}

// receive reads the stream to its end. live may be nil.
func receive(r io.Reader, live *live) received {
	got := received{unkept: make(map[string]uint64)}
	got.err = event.ReadEach(bufio.NewReaderSize(r, 64<<10), func(e event.Event) {
		if len(got.events) < maxEvents {
			got.events = append(got.events, e)
		} else {
			got.unkept[e.Kind.String()]++
		}
		if live != nil {
			live.add(e)
		}
	})
	return got
}

// start attaches, and reads records from then on: a port that nobody reads
// would stop the guest.
func (t *trace) start(ctx context.Context, l *lab, args wire.TraceArgs, live *live) error {
	t.follow(l, live)
	return l.Call(ctx, wire.OpTraceStart, args, &t.state)
}

func (t *trace) follow(l *lab, live *live) {
	t.events = make(chan received, 1)
	go func() { t.events <- receive(t.tap(l.events), live) }()
	t.started = true
}

func (t *trace) take(r received) {
	t.got, t.unkept, t.err = r.events, r.unkept, r.err
	t.started = false
}

// stop waits for the last record.
func (t *trace) stop(ctx context.Context, l *lab) error {
	if err := l.Call(ctx, wire.OpTraceStop, nil, &t.state); err != nil {
		return err
	}
	select {
	case r := <-t.events:
		t.take(r)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the last records: %w", ctx.Err())
	}
}

// abandon takes what came of the records when the guest did not get to the end.
// It closes the stream; the lab is of no use after it.
func (t *trace) abandon(l *lab) {
	if !t.started {
		return
	}
	l.close()
	select {
	case r := <-t.events:
		t.take(r)
	case <-time.After(5 * time.Second):
		t.err = errors.New("the stream of records did not end")
	}
	t.started = false
}

// readKernel gets the names of the kernel's functions. Without KASLR they are
// the same at every boot of one kernel, so they are read from the guest once;
// id is empty where that does not hold.
func (t *trace) readKernel(ctx context.Context, l *lab, dir, id string, known *memo[*symbols.Kernel]) error {
	if t.kernel != nil {
		return nil
	}
	path := filepath.Join(dir, id)
	if id != "" {
		if t.readCached(path, known); t.kernel != nil {
			return nil
		}
	}
	data, err := boot.ReadFile(ctx, l.Client, "/proc/kallsyms", maxKallsyms)
	if err != nil {
		return err
	}
	if id == "" {
		t.kernel, err = symbols.ReadRunning(bytes.NewReader(data))
		return err
	}
	if t.kernel, err = symbols.ReadKernel(bytes.NewReader(data)); err == nil {
		keepFile(path, data)
	}
	return err
}

// keepFile spares the next run to read something from the guest. In a cache that
// cannot be written, another user's or one on a full disk, that one reads it again.
func keepFile(path string, data []byte) {
	dir := filepath.Dir(path)
	if os.MkdirAll(dir, 0o755) == nil {
		renameio.WriteFile(path, data, 0o644, renameio.WithTempDir(dir))
	}
}

// readCached takes the names that an earlier run with this kernel kept, if any.
func (t *trace) readCached(path string, known *memo[*symbols.Kernel]) {
	if t.kernel != nil || path == "" {
		return
	}
	kernel, err := known.get(path, func() (*symbols.Kernel, error) { return readSymbolsFile(path) })
	if err == nil {
		t.kernel = kernel
	} else if !errors.Is(err, fs.ErrNotExist) {
		os.Remove(path) // half written or damaged
	}
}

func readSymbolsFile(path string) (*symbols.Kernel, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return symbols.ReadKernel(bytes.NewReader(data))
}

// fill turns the records into the result's lives.
func (t *trace) fill(res *result.Result, agent uint32, studied []string, file func(name string) ([]byte, error), remember bool) {
	for _, h := range t.state.Hooks {
		res.Hooks = append(res.Hooks, result.Hook{
			Name: h.Name, Kind: h.Kind, Target: h.Target, Attached: h.Attached, Proved: proved(h), Fired: h.Fired, Missed: h.Missed,
			Fallback: h.Fallback, Runs: h.Runs, RunNS: h.RunNS, Note: h.Note, Kinds: h.Kinds,
		})
	}
	for _, lost := range []map[string]uint64{t.state.Lost, t.unkept} {
		for kind, n := range lost {
			if res.Dropped.ByKind == nil {
				res.Dropped.ByKind = make(map[string]uint64)
			}
			res.Dropped.ByKind[kind] += n
			res.Dropped.Total += n
		}
	}
	events := t.all()
	t.table = symbols.New(t.kernel, events, func(name string) *symbols.Module { return moduleSymbols(file(name)) })
	if remember {
		t.table.Remember()
	}
	deaf := blind(t.state.Hooks)
	for kind, why := range deaf {
		if res.Unknown == nil {
			res.Unknown = make(map[string]string)
		}
		res.Unknown[kind.String()] = why
	}
	tl := timeline.Build(events, t.table.Site, timeline.Options{AgentTGID: agent, Modules: studied, Blind: deaf})
	threads, requests, signals, modules := result.FromTimeline(tl)
	res.Threads, res.Requests, res.Signals = threads, requests, signals
	res.Modules = result.MergeModules(res.Modules, modules)
}

// placeOf names the function at an address, at a time, and its module.
func (t *trace) placeOf(addr, at uint64) (site, module string) {
	if t.table == nil {
		return "", ""
	}
	s := t.table.Site(addr, at)
	return s.String(), s.Module
}

// all gives the events that count, in the order of time.
func (t *trace) all() []event.Event {
	if t.counted == nil {
		t.counted, t.got = afterMark(t.got, t.mark), nil
	}
	return t.counted
}

// moduleSymbols reads the functions of a module's file; nil where it cannot, for
// then its places simply have no names.
func moduleSymbols(ko []byte, err error) *symbols.Module {
	if err != nil {
		return nil
	}
	m, err := symbols.ReadModule(ko)
	if err != nil {
		return nil
	}
	return m
}
