// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// fakeGuest takes input, and notes what it was told.
type fakeGuest struct {
	mu    sync.Mutex
	input []byte
	eof   bool
	taken wire.TakenArgs
	told  chan struct{}
}

func (g *fakeGuest) call(_ context.Context, op string, args any, blob []byte, _ any) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch args := args.(type) {
	case wire.InputArgs:
		g.input, g.eof = append(g.input, blob...), args.EOF
		if args.EOF {
			g.told <- struct{}{}
		}
	case wire.TakenArgs:
		g.taken = args
		if len(args.Gone) > 0 {
			g.told <- struct{}{}
		}
	default:
		return errors.New("not asked for: " + op)
	}
	return nil
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestPump: input arrives in order, with its end; output goes to its stream, and the guest is told when nobody reads
// one. A guest that sends more than its window is found out.
func TestPump(t *testing.T) {
	want := strings.Repeat("0123456789", 10_000)
	var out bytes.Buffer
	var kept ends
	g := &fakeGuest{told: make(chan struct{}, 8)}
	p := newPump(Streams{Stdin: strings.NewReader(want), Stdout: &out, Stderr: full{}}, &kept, g.call)
	written := make(chan struct{})
	go func() { p.write(); close(written) }()
	stop := p.run(t.Context(), 7, func(err error) { t.Error(err) })
	for _, c := range []chunk{
		{wire.OpOutput, []byte("one ")}, {wire.OpErrors, []byte("lost")}, {wire.OpOutput, []byte("two")},
	} {
		if err := p.put(c.op, c.data); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the end of the input, and of a stream
		select {
		case <-g.told:
		case <-time.After(10 * time.Second):
			t.Fatal("the guest was not told")
		}
	}
	p.end()
	<-written
	stop()
	if string(g.input) != want || !g.eof {
		t.Errorf("%d bytes of input arrived, want %d; its end is known: %v", len(g.input), len(want), g.eof)
	}
	if text, _ := kept.text(); out.String() != "one two" || text != "one losttwo" {
		t.Errorf("output %q, kept %q", &out, text)
	}
	if g.taken.PID != 7 || !slices.Equal(g.taken.Gone, []string{wire.OpErrors}) {
		t.Errorf("told %+v", g.taken)
	}
	if err := p.put(wire.OpOutput, make([]byte, 2*outputWindow+1)); !errors.Is(err, wire.ErrGarbled) {
		t.Errorf("a flood is %v", err)
	}
}
