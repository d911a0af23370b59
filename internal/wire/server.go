// SPDX-License-Identifier: MIT

package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Handler carries out one call. progress sends a blob ahead of the reply.
type Handler func(call *Message, progress func([]byte) error) (result any, blob []byte, err error)

// Server is the guest's end.
type Server struct {
	conn     io.ReadWriter
	handlers map[string]Handler
	write    sync.Mutex
	ended    chan struct{}
}

// NewServer makes a server; Serve runs it.
func NewServer(conn io.ReadWriter, handlers map[string]Handler) *Server {
	return &Server{conn: conn, handlers: handlers, ended: make(chan struct{})}
}

// Note sends a note.
func (s *Server) Note(op string, body any, blob []byte) error {
	m := &Message{Op: op, Blob: blob}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode note %s: %w", op, err)
		}
		m.Body = b
	}
	return s.send(m)
}

// Progress sends news of a call ahead of its reply.
func (s *Server) Progress(call *Message, op string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", op, err)
	}
	return s.send(&Message{ID: call.ID, Op: op, Body: b})
}

// Output sends bytes of a call ahead of its reply.
func (s *Server) Output(call *Message, op string, blob []byte) error {
	return s.send(&Message{ID: call.ID, Op: op, Blob: blob})
}

func (s *Server) send(m *Message) error {
	s.write.Lock()
	defer s.write.Unlock()
	return Write(s.conn, m)
}

// Ended is closed once the host is gone: handlers that wait should give up.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Serve answers calls, each in a goroutine of its own, until the host closes the
// connection (nil) or sends garbage. It returns after the last call has returned.
func (s *Server) Serve() error {
	var calls sync.WaitGroup
	defer calls.Wait()
	defer close(s.ended)
	for {
		m, err := Read(s.conn)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve: %w", err)
		}
		calls.Go(func() { s.answer(m) })
	}
}

func (s *Server) answer(call *Message) {
	reply := &Message{ID: call.ID, Done: true}
	handler := s.handlers[call.Op]
	if handler == nil {
		reply.Err = fmt.Sprintf("unknown call %q", call.Op)
		s.send(reply)
		return
	}
	progress := func(blob []byte) error { return s.Output(call, OpOutput, blob) }
	result, blob, err := handler(call, progress)
	reply.Blob = blob
	if err == nil && result != nil {
		reply.Body, err = json.Marshal(result)
	}
	if err != nil {
		reply.Err = err.Error()
	}
	if err := s.send(reply); err != nil {
		// The reply itself was too large: say so, or the host waits forever.
		s.send(&Message{ID: call.ID, Done: true, Err: err.Error()})
	}
}
