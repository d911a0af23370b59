// SPDX-License-Identifier: MIT

package recording

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Tape keeps the tracer's stream while it comes, compressed: a flood has some
// hundreds of megabytes. Its zero value is empty. It may be written to and read by
// different goroutines; once it is read, nothing more is taken in.
type Tape struct {
	mu     sync.Mutex
	enc    *zstd.Encoder
	data   bytes.Buffer
	size   int64
	err    error
	closed bool
}

// Write never fails, for the stream that it listens to must go on; what went
// wrong comes with Open.
func (t *Tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.err != nil {
		return len(p), nil
	}
	if t.enc == nil {
		t.enc, t.err = zstd.NewWriter(&t.data, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}
	if t.err == nil && t.size+int64(len(p)) > maxPart {
		t.err = fmt.Errorf("the run has more than %d MiB of records, too many to be kept: make it shorter", maxPart>>20)
	}
	if t.err == nil {
		_, t.err = t.enc.Write(p)
		t.size += int64(len(p))
	}
	return len(p), nil
}

// Open gives the stream from its beginning. It has to be closed.
func (t *Tape) Open() (io.ReadCloser, error) {
	r, _, err := t.open()
	return r, err
}

// open is Open with the stream's length.
func (t *Tape) open() (io.ReadCloser, int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.enc != nil && !t.closed {
		if err := t.enc.Close(); t.err == nil {
			t.err = err
		}
	}
	t.closed = true
	if t.err != nil {
		return nil, 0, t.err
	}
	if t.size == 0 {
		return io.NopCloser(bytes.NewReader(nil)), 0, nil
	}
	dec, err := zstd.NewReader(bytes.NewReader(t.data.Bytes()), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, 0, err
	}
	return dec.IOReadCloser(), t.size, nil
}
