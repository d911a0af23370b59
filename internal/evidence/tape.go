// SPDX-License-Identifier: MIT

package evidence

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Tape keeps the tracer's stream while it comes, compressed: a flood has some
// hundreds of megabytes. The zero value is empty. Different goroutines may write and
// read it; once it is read, nothing more is taken in.
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
	if t.err == nil && t.size+int64(len(p)) > maxTape {
		t.err = fmt.Errorf("the run has more than %d MiB of records, too many to be kept: make it shorter", maxTape>>20)
	}
	if t.err == nil {
		_, t.err = t.enc.Write(p)
		t.size += int64(len(p))
	}
	return len(p), nil
}

// maxTape bounds the records of one run, in bytes; a recording holds no more.
const maxTape = 512 << 20

// Open returns the stream from its beginning, and its length. It has to be closed.
func (t *Tape) Open() (io.ReadCloser, int64, error) {
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
