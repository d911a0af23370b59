// SPDX-License-Identifier: MIT

package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrClosed means that the guest's end of the connection was closed.
var ErrClosed = errors.New("the guest closed the connection")

// CallError is the guest's answer to a call that it could not carry out.
type CallError struct {
	Op   string
	Text string
}

func (e *CallError) Error() string { return e.Op + ": " + e.Text }

// Client is the host's end.
type Client struct {
	conn  io.ReadWriteCloser
	notes func(*Message)

	write sync.Mutex
	mu    sync.Mutex
	next  uint32
	calls map[uint32]*pending
	err   error         // why the connection ended
	ended chan struct{} // closed once err is set
}

// pending is a call that waits for its reply.
type pending struct {
	replies chan *Message
	gone    chan struct{} // closed when the caller gave up
}

// NewClient starts reading from conn. notes is called for each note, from one goroutine,
// and must not make calls. Close ends it.
func NewClient(conn io.ReadWriteCloser, notes func(*Message)) *Client {
	return newClient(conn, notes, 0)
}

// resumedCalls is where a second client of the same guest begins to number its calls.
const resumedCalls = 1 << 30

// NewResumedClient is NewClient for a connection that another client began: replies to the
// calls of that client may still come, and are dropped.
func NewResumedClient(conn io.ReadWriteCloser, notes func(*Message)) *Client {
	return newClient(conn, notes, resumedCalls)
}

func newClient(conn io.ReadWriteCloser, notes func(*Message), after uint32) *Client {
	c := &Client{conn: conn, notes: notes, next: after, calls: make(map[uint32]*pending), ended: make(chan struct{})}
	go c.read()
	return c
}

func (c *Client) read() {
	for {
		m, err := Read(c.conn)
		if err != nil {
			c.end(err)
			return
		}
		if m.ID == 0 {
			c.notes(m)
			continue
		}
		c.mu.Lock()
		call := c.calls[m.ID]
		c.mu.Unlock()
		if call == nil {
			continue // given up on, or never made
		}
		select {
		case call.replies <- m:
		case <-call.gone:
		case <-c.ended:
			return
		}
	}
}

func (c *Client) end(err error) {
	if !errors.Is(err, ErrGarbled) {
		err = ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.ended)
	}
}

// Done is closed when the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Err is nil while the connection is open, else ErrClosed or ErrGarbled.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection. Calls that wait return ErrClosed.
func (c *Client) Close() error {
	c.end(ErrClosed)
	return c.conn.Close()
}

// Call makes a call and waits for its reply, the end of ctx, or the end of the connection.
// args and result may be nil.
func (c *Client) Call(ctx context.Context, op string, args, result any) error {
	_, err := c.Stream(ctx, op, args, nil, result, nil)
	return err
}

// Stream is Call with blobs: one that is sent with the call, one that comes with the reply,
// and one in each progress message, which is given to output as it arrives.
func (c *Client) Stream(
	ctx context.Context, op string, args any, blob []byte, result any, output func([]byte),
) ([]byte, error) {
	return c.Follow(ctx, op, args, blob, result, func(m *Message) {
		if output != nil && m.Op == OpOutput {
			output(m.Blob)
		}
	})
}

// Follow is Stream for a call whose progress has messages of several kinds; each is given to progress as it arrives.
func (c *Client) Follow(
	ctx context.Context, op string, args any, blob []byte, result any, progress func(*Message),
) ([]byte, error) {
	id, call := c.register()
	defer c.forget(id)
	m := &Message{ID: id, Op: op, Blob: blob}
	if args != nil {
		body, err := json.Marshal(args)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", op, err)
		}
		m.Body = body
	}
	if err := c.send(ctx, m); err != nil {
		return nil, err
	}
	for {
		select {
		case m := <-call.replies:
			if !m.Done {
				progress(m)
				continue
			}
			return m.Blob, decodeReply(op, m, result)
		case <-c.ended:
			return nil, fmt.Errorf("%s: %w", op, c.Err())
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", op, context.Cause(ctx))
		}
	}
}

// send writes in the background: a guest that has stopped reading must not block the host
// beyond its deadline.
func (c *Client) send(ctx context.Context, m *Message) error {
	sent := make(chan error, 1)
	go func() {
		c.write.Lock()
		defer c.write.Unlock()
		sent <- Write(c.conn, m)
	}()
	select {
	case err := <-sent:
		if err != nil {
			return fmt.Errorf("%s: %w (%w)", m.Op, ErrClosed, err)
		}
		return nil
	case <-c.ended:
		return fmt.Errorf("%s: %w", m.Op, c.Err())
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", m.Op, context.Cause(ctx))
	}
}

func decodeReply(op string, m *Message, result any) error {
	if m.Err != "" {
		return &CallError{Op: op, Text: m.Err}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Body, result); err != nil {
		return fmt.Errorf("%w: reply to %s: %w", ErrGarbled, op, err)
	}
	return nil
}

func (c *Client) register() (uint32, *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	call := &pending{replies: make(chan *Message, 16), gone: make(chan struct{})}
	c.calls[c.next] = call
	return c.next, call
}

func (c *Client) forget(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.calls[id].gone)
	delete(c.calls, id)
}
