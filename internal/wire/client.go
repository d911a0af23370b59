// SPDX-License-Identifier: MIT

package wire

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrForged means that the guest answered a call that was never made. Calls have unpredictable numbers, so somebody in
// the guest has guessed.
var ErrForged = fmt.Errorf("%w: an answer to a call that was never made", ErrGarbled)

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
	made  map[uint64]bool // all calls ever
	calls map[uint64]*pending
	early bool          // answers to the calls of an earlier client may come
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
	return newClient(conn, notes, false)
}

// NewResumedClient is NewClient for a connection that another client began: until the first reply to a call of this
// one, replies to the calls of that client may still come, and are dropped.
func NewResumedClient(conn io.ReadWriteCloser, notes func(*Message)) *Client {
	return newClient(conn, notes, true)
}

func newClient(conn io.ReadWriteCloser, notes func(*Message), early bool) *Client {
	c := &Client{
		conn: conn, notes: notes, early: early,
		made: make(map[uint64]bool), calls: make(map[uint64]*pending), ended: make(chan struct{}),
	}
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
		call, err := c.callOf(m.ID)
		if err != nil {
			c.end(err)
			return
		}
		if call == nil {
			continue // given up on
		}
		select {
		case call.replies <- m:
		case <-call.gone:
		case <-c.ended:
			return
		}
	}
}

// callOf returns the call that waits for a reply; nil if it was given up on.
func (c *Client) callOf(id uint64) (*pending, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made[id] {
		c.early = false
	} else if !c.early {
		return nil, ErrForged
	}
	return c.calls[id], nil
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

// register gives a call its number. What code in the guest cannot know it cannot answer in the agent's place, unless it
// reads the agent's memory.
func (c *Client) register() (uint64, *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := random()
	for id == 0 || c.made[id] {
		id = random()
	}
	call := &pending{replies: make(chan *Message, 16), gone: make(chan struct{})}
	c.made[id], c.calls[id] = true, call
	return id, call
}

func random() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.calls[id].gone)
	delete(c.calls, id)
}
