// SPDX-License-Identifier: MIT

package evidence

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Tape keeps the tracer's stream as it comes, compressed: a flood has some hundreds of
// megabytes. The zero value is empty. It is safe for concurrent use; once it was opened,
// further writes are dropped.
type Tape struct {
	mu     sync.Mutex
	enc    *zstd.Encoder
	data   bytes.Buffer
	size   int64
	err    error
	closed bool
}

// Write never fails, because the stream that it copies must continue; Open reports what
// went wrong.
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
		t.err = fmt.Errorf("the run wrote more than %d MiB of records, more than a recording holds: make it shorter",
			maxTape>>20)
	}
	if t.err == nil {
		_, t.err = t.enc.Write(p)
		t.size += int64(len(p))
	}
	return len(p), nil
}

// maxTape bounds the records of one run, in bytes; a recording holds no more.
const maxTape = 512 << 20

// Open returns the stream from its beginning, and its length. The caller closes it.
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
