// SPDX-License-Identifier: MIT

package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// qmpLine bounds one message. The longest that we ask for has 300 bytes; a longer line is skipped.
const qmpLine = 64 << 10

var errMonitorGone = errors.New("QEMU closed its monitor")

// qmpEvent is something that QEMU reports unasked.
type qmpEvent struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// qmpError is QEMU's refusal of a command.
type qmpError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (e *qmpError) Error() string { return e.Desc }

// qmpMessage is any line from QEMU: a greeting, an event or a reply.
type qmpMessage struct {
	Greeting *struct {
		Version struct {
			QEMU struct {
				Major, Minor, Micro int
			} `json:"qemu"`
		} `json:"version"`
	} `json:"QMP"`
	qmpEvent
	ID     uint64          `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *qmpError       `json:"error"`
}

// qmpClient talks to one QEMU. Several goroutines may send commands.
type qmpClient struct {
	conn    net.Conn
	onEvent func(qmpEvent)
	done    chan struct{} // closed when QEMU closed its end

	greeted chan struct{}
	version string // valid once greeted is closed

	mu      sync.Mutex
	lastID  uint64
	waiting map[uint64]chan qmpMessage
}

// newQMP makes a client of conn; read must run for it.
func newQMP(conn net.Conn, onEvent func(qmpEvent)) *qmpClient {
	return &qmpClient{
		conn: conn, onEvent: onEvent,
		done: make(chan struct{}), greeted: make(chan struct{}),
		waiting: map[uint64]chan qmpMessage{},
	}
}

// read reads messages until QEMU closes its end, and calls onEvent.
func (q *qmpClient) read() {
	defer close(q.done)
	r := bufio.NewReaderSize(q.conn, qmpLine)
	for {
		line, err := r.ReadSlice('\n')
		for skip := err; errors.Is(skip, bufio.ErrBufferFull); {
			line = nil
			_, skip = r.ReadSlice('\n')
			err = skip
		}
		q.dispatch(line)
		if err != nil {
			return
		}
	}
}

// dispatch passes one line on. An unreadable line is no reason to stop.
func (q *qmpClient) dispatch(line []byte) {
	var msg qmpMessage
	if json.Unmarshal(line, &msg) != nil {
		return
	}
	switch {
	case msg.Greeting != nil:
		if q.version == "" {
			v := msg.Greeting.Version.QEMU
			q.version = fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro)
			close(q.greeted)
		}
	case msg.Name != "":
		q.onEvent(msg.qmpEvent)
	case msg.Return != nil || msg.Error != nil:
		q.mu.Lock()
		if ch := q.waiting[msg.ID]; ch != nil {
			ch <- msg // has room for one
			delete(q.waiting, msg.ID)
		}
		q.mu.Unlock()
	}
}

// execute sends a command and waits for its reply.
func (q *qmpClient) execute(ctx context.Context, command string, arguments any) (json.RawMessage, error) {
	return q.executeWith(ctx, command, arguments, nil)
}

// executeWith is execute for a command that passes a file along, nil for none.
func (q *qmpClient) executeWith(ctx context.Context, command string, arguments any,
	file *os.File) (json.RawMessage, error) {
	reply := make(chan qmpMessage, 1)
	q.mu.Lock()
	q.lastID++
	id := q.lastID
	q.waiting[id] = reply
	err := q.send(ctx, id, command, arguments, file)
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.waiting, id)
		q.mu.Unlock()
	}()
	if err != nil {
		return nil, fmt.Errorf("ask QEMU to %s: %w", command, err)
	}
	select {
	case msg := <-reply:
		if msg.Error != nil {
			return nil, fmt.Errorf("ask QEMU to %s: %w", command, msg.Error)
		}
		return msg.Return, nil
	case <-q.done:
		return nil, fmt.Errorf("ask QEMU to %s: %w", command, errMonitorGone)
	case <-ctx.Done():
		return nil, fmt.Errorf("ask QEMU to %s: %w", command, context.Cause(ctx))
	}
}

func (q *qmpClient) send(ctx context.Context, id uint64, command string, arguments any, file *os.File) error {
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        uint64 `json:"id"`
	}{command, arguments, id})
	if err != nil {
		return err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(10 * time.Second)
	}
	if err := q.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	line = append(line, '\n')
	if file == nil {
		_, err = q.conn.Write(line)
	} else if unixConn, ok := q.conn.(*net.UnixConn); ok {
		_, _, err = unixConn.WriteMsgUnix(line, unix.UnixRights(int(file.Fd())), nil)
	} else {
		err = errors.New("the monitor is not a socket that accepts files")
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return errMonitorGone
	}
	return err
}

// handshake waits for the greeting, enters command mode, and asks a question to prove that QEMU's main loop runs: by
// then every device has been accepted.
func (q *qmpClient) handshake(ctx context.Context) error {
	select {
	case <-q.greeted:
	case <-q.done:
		return errMonitorGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err := q.execute(ctx, "qmp_capabilities", nil); err != nil {
		return err
	}
	raw, err := q.execute(ctx, "query-status", nil)
	if err != nil {
		return err
	}
	var status struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(raw, &status); err != nil {
		return fmt.Errorf("read QEMU's status: %w", err)
	}
	if status.Status == "shutdown" { // before it would report that unasked
		q.onEvent(qmpEvent{Name: "SHUTDOWN", Data: json.RawMessage(`{"reason": "guest-reset"}`)})
	}
	if status.Status == "internal-error" {
		return errors.New("QEMU reports an internal error")
	}
	return nil
}
