// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/live"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// stream reads the tracer's records. If nobody read the port, the guest would block.
type stream struct {
	port io.Reader
	live *live.Stream
	tape *evidence.Tape // nil if no recording is wanted

	ended   chan evidence.Records // gets one value at the end of the stream; nil while nothing is read
	records evidence.Records      // that value
}

func newStream(port io.Reader, record bool, l *live.Stream) *stream {
	s := &stream{port: port, live: l}
	if record {
		s.tape = new(evidence.Tape)
	}
	return s
}

// read starts reading in the background.
func (s *stream) read() {
	ended := make(chan evidence.Records, 1)
	port := s.port
	if s.tape != nil {
		port = io.TeeReader(port, s.tape)
	}
	add := func(e event.Event) { s.live.Add(e) }
	go func() { ended <- evidence.ReadRecords(port, add) }()
	s.ended = ended
}

// wait waits for the last record, and takes them all.
func (s *stream) wait(ctx context.Context) error {
	select {
	case s.records = <-s.ended:
		s.ended = nil
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the last records: %w", ctx.Err())
	}
}

// abandonLimit is how long a stream may take to end after its machine.
const abandonLimit = 5 * time.Second

// abandon takes the records that have come if the run was cut short. stop ends the
// machine, and with it the stream.
func (s *stream) abandon(stop func()) {
	if s.ended == nil {
		return
	}
	stop()
	select {
	case s.records = <-s.ended:
	case <-time.After(abandonLimit):
		s.records.Broken = "the stream of records did not end"
	}
	s.ended = nil
}
