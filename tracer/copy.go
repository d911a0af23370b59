// SPDX-License-Identifier: MIT

package tracer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/kmodlab/kmodlab/tracer/event"
)

const (
	// lookEvery is how long a record may stay in a ring: the programs wake the reader only when much has arrived.
	lookEvery = 50 * time.Millisecond
	// batch is how much is written at once; a write for each record would cost more than the record.
	batch = 64 << 10
)

// Copy writes each record, framed by event.Frame, to w until Stop is called and both rings are empty. It ends with
// event.EndFrame. Records come in batches; those of one CPU and one ring are in order of time, others need not be. Only
// one caller at a time.
func (t *Tracer) Copy(w io.Writer) error {
	out := &lockedWriter{w: w}
	var wg sync.WaitGroup
	var lifeErr, bulkErr error
	wg.Go(func() { lifeErr = copyRing(out, t.life) })
	wg.Go(func() { bulkErr = copyRing(out, t.bulk) })
	wg.Wait()
	if err := errors.Join(lifeErr, bulkErr); err != nil {
		return err
	}
	left, err := t.leftovers()
	if err != nil {
		return err
	}
	_, err = w.Write(append(left, event.EndFrame()...))
	return err
}

// lockedWriter keeps the batches of the two rings apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// ringReader is the part of *ringbuf.Reader that copying needs.
type ringReader interface {
	ReadInto(*ringbuf.Record) error
	AvailableBytes() int
	SetDeadline(time.Time)
}

// copyRing writes the records of one ring until it was flushed. It checks the ring at least once per lookEvery.
func copyRing(w io.Writer, ring ringReader) error {
	var rec ringbuf.Record
	buf := make([]byte, 0, batch+event.MaxFrame)
	flush := func() error {
		if len(buf) == 0 {
			return nil
		}
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("copy records: %w", err)
		}
		buf = buf[:0]
		return nil
	}
	for {
		if len(buf) == 0 {
			ring.SetDeadline(time.Now().Add(lookEvery))
		}
		err := ring.ReadInto(&rec)
		switch {
		case err == nil:
			buf = event.AppendFrame(buf, rec.RawSample)
			if len(buf) < batch && ring.AvailableBytes() > 0 {
				continue
			}
		case errors.Is(err, ringbuf.ErrFlushed), errors.Is(err, ringbuf.ErrClosed):
			return flush()
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("read ring buffer: %w", err)
		}
		if err := flush(); err != nil {
			return err
		}
	}
}
