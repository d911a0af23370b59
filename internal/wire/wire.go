// SPDX-License-Identifier: MIT

// Package wire is the protocol between host and guest: messages, their framing, and the
// two ends of a connection. It knows no transport: both ends work over any
// io.ReadWriteCloser.
//
// A frame is two little-endian uint32 (length of the JSON head, length of the blob), the
// head, the blob. The host makes calls; the guest answers each with any number of
// progress messages and one final reply, and may send notes at any time. The guest is
// not trusted: lengths are bounded; garbage, or a reply to a call that was never made, ends
// the connection with ErrGarbled.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Bounds of a frame. A head is small; a blob is a chunk of a file or of output.
const (
	MaxHead = 1 << 20
	MaxBlob = 1 << 20
)

// ErrGarbled means that the other side sent something that is not a message.
var ErrGarbled = errors.New("garbled message")

// Message is one frame.
type Message struct {
	ID   uint64          `json:"id,omitempty"`   // number of the call; 0 for notes
	Op   string          `json:"op,omitempty"`   // what to do; in a note, what it is about
	Done bool            `json:"done,omitempty"` // the final reply to a call
	Err  string          `json:"err,omitempty"`  // the call failed
	Body json.RawMessage `json:"body,omitempty"` // arguments or result
	Blob []byte          `json:"-"`
}

// Write sends one message.
func Write(w io.Writer, m *Message) error {
	head, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message %s: %w", m.Op, err)
	}
	if len(head) > MaxHead || len(m.Blob) > MaxBlob {
		return fmt.Errorf("send message %s: a head of %d and a blob of %d bytes exceed the bounds",
			m.Op, len(head), len(m.Blob))
	}
	frame := make([]byte, 8, 8+len(head)+len(m.Blob))
	binary.LittleEndian.PutUint32(frame, uint32(len(head)))
	binary.LittleEndian.PutUint32(frame[4:], uint32(len(m.Blob)))
	frame = append(append(frame, head...), m.Blob...)
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("send message %s: %w", m.Op, err)
	}
	return nil
}

// Read receives one message. The error is io.EOF if the stream ends between two messages,
// and wraps ErrGarbled if what comes is not a message.
func Read(r io.Reader) (*Message, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(r, lengths[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: truncated", ErrGarbled)
		}
		return nil, err
	}
	head := binary.LittleEndian.Uint32(lengths[:])
	blob := binary.LittleEndian.Uint32(lengths[4:])
	if head == 0 || head > MaxHead || blob > MaxBlob {
		return nil, fmt.Errorf("%w: lengths %d and %d", ErrGarbled, head, blob)
	}
	b := make([]byte, head+blob)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGarbled, err)
	}
	m := new(Message)
	if err := json.Unmarshal(b[:head], m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGarbled, err)
	}
	if blob > 0 {
		m.Blob = b[head:]
	}
	return m, nil
}
