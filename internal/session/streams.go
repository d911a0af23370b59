// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// Streams are the caller's end of a program in the guest.
type Streams struct {
	Stdin          io.Reader // nil: the program reads nothing
	Stdout, Stderr io.Writer // nil: what comes is dropped
	Terminal       *Terminal // nil: the program gets pipes
}

// Terminal is the caller's terminal.
type Terminal struct {
	Size    func() (columns, rows int)
	Resized <-chan struct{} // gets a value when Size returns another one
}

func (t *Terminal) size() wire.Size {
	columns, rows := t.Size()
	return wire.Size{Columns: uint16(columns), Rows: uint16(rows)}
}

const (
	// outputWindow bounds the output of a program that waits to be written here, in bytes, and terminalWindow the same
	// for a terminal, where a person who types Ctrl-C waits for all of it.
	outputWindow   = 256 << 10
	terminalWindow = 64 << 10
	// inputPart is how much of the input is sent at once: far less than a second's worth.
	inputPart = 16 << 10
)

// args are what the guest needs to know of the streams.
func (s *Streams) args() *wire.StreamArgs {
	args := &wire.StreamArgs{Input: s.Stdin != nil, Apart: s.Terminal == nil, Window: outputWindow}
	if s.Terminal != nil {
		size := s.Terminal.size()
		args.Terminal, args.Window = &size, terminalWindow
	}
	return args
}

// pump carries the bytes between a program and its streams.
type pump struct {
	Streams
	call func(ctx context.Context, op string, args any, blob []byte, result any) error
	pid  int
	kept *ends // of the output
	step int64 // how much may be written before the guest is told

	mu      sync.Mutex
	changed sync.Cond
	queue   []chunk // of output that waits to be written
	queued  int64   // bytes in it
	over    bool    // nothing follows
	taken   int64
	gone    []string // streams that nobody reads
	news    chan struct{}
}

type chunk struct {
	op   string
	data []byte
}

func newPump(s Streams, kept *ends, call func(context.Context, string, any, []byte, any) error) *pump {
	p := &pump{Streams: s, call: call, kept: kept, step: s.args().Window / 4, news: make(chan struct{}, 1)}
	p.changed.L = &p.mu
	return p
}

// errFlood is a guest that sends more than it may.
var errFlood = fmt.Errorf("%w: more output than was asked for", wire.ErrGarbled)

// put takes output that has come. It never waits: other answers of the guest are behind it.
func (p *pump) put(op string, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queued += int64(len(data)); p.queued > 2*outputWindow {
		return errFlood
	}
	p.queue = append(p.queue, chunk{op, data})
	p.changed.Signal()
	return nil
}

// end says that no more output comes.
func (p *pump) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.changed.Signal()
}

// next waits for output; it is false when all is written.
func (p *pump) next() (chunk, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 && !p.over {
		p.changed.Wait()
	}
	if len(p.queue) == 0 {
		return chunk{}, false
	}
	c := p.queue[0]
	p.queue = p.queue[1:]
	return c, true
}

// write writes the output here as it comes, until the end.
func (p *pump) write() {
	var told int64
	for {
		c, more := p.next()
		if !more {
			return
		}
		p.kept.Write(c.data)
		to := p.Stdout
		if c.op == wire.OpErrors {
			to = p.Stderr
		}
		var err error
		if to != nil && !slices.Contains(p.gone, c.op) {
			_, err = to.Write(c.data)
		}
		p.mu.Lock()
		p.queued -= int64(len(c.data))
		p.taken += int64(len(c.data))
		if err != nil {
			p.gone = append(p.gone, c.op)
		}
		tell := err != nil || p.taken-told >= p.step
		if tell {
			told = p.taken
		}
		p.mu.Unlock()
		if tell {
			select {
			case p.news <- struct{}{}:
			default: // it is told the sum
			}
		}
	}
}

// tell tells the guest how much was written.
func (p *pump) tell(ctx context.Context) error {
	for {
		select {
		case <-p.news:
		case <-ctx.Done():
			return nil
		}
		p.mu.Lock()
		args := wire.TakenArgs{PID: p.pid, Bytes: p.taken, Gone: slices.Clone(p.gone)}
		p.mu.Unlock()
		if err := p.call(ctx, wire.OpTaken, args, nil, nil); err != nil {
			return err
		}
	}
}

// resize tells the guest of the terminal's sizes.
func (p *pump) resize(ctx context.Context) error {
	for {
		select {
		case <-p.Terminal.Resized:
		case <-ctx.Done():
			return nil
		}
		if err := p.call(ctx, wire.OpResize, wire.ResizeArgs{PID: p.pid, Size: p.Terminal.size()}, nil, nil); err != nil {
			return err
		}
	}
}

// part is what was read of the input.
type part struct {
	data []byte
	err  error
}

// read reads the input. It may be left waiting for it.
func (p *pump) read(ctx context.Context) <-chan part {
	parts := make(chan part)
	go func() {
		for {
			buf := make([]byte, inputPart)
			n, err := p.Stdin.Read(buf)
			select {
			case parts <- part{buf[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return parts
}

// feed sends the input, until its end or until the program reads no more.
func (p *pump) feed(ctx context.Context) error {
	parts := p.read(ctx)
	for {
		select {
		case in := <-parts:
			var answer wire.InputResult
			args := wire.InputArgs{PID: p.pid, EOF: in.err != nil}
			if err := p.call(ctx, wire.OpInput, args, in.data, &answer); err != nil {
				return err
			}
			if answer.Closed || in.err != nil {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// run begins the work on the streams of a program. The returned function ends all but the writing.
func (p *pump) run(ctx context.Context, pid int, failed func(error)) (stop func()) {
	p.pid = pid
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	work := []func(context.Context) error{p.tell}
	if p.Terminal != nil {
		work = append(work, p.resize)
	}
	if p.Stdin != nil {
		work = append(work, p.feed)
	}
	for _, f := range work {
		all.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				var refused *wire.CallError
				if !errors.As(err, &refused) { // else it has just ended
					failed(err)
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}
