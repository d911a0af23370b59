// SPDX-License-Identifier: MIT

package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFraming(t *testing.T) {
	messages := []*Message{
		{ID: 1, Op: OpExec, Body: json.RawMessage(`{"argv":["/bin/true"]}`)},
		{ID: 1, Op: OpOutput, Blob: []byte("hello\n")},
		{ID: 1, Done: true, Err: "no such file"},
		{Op: NoteKmsg, Blob: bytes.Repeat([]byte{0}, MaxBlob)},
	}
	var stream bytes.Buffer
	for _, m := range messages {
		if err := Write(&stream, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range messages {
		got, err := Read(&stream)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Read (-want +got):\n%s", diff)
		}
	}
	if _, err := Read(&stream); err != io.EOF {
		t.Errorf("Read at the end: %v, want io.EOF", err)
	}
	if err := Write(&stream, &Message{Blob: make([]byte, MaxBlob+1)}); err == nil {
		t.Error("a blob over the bound was sent")
	}
}

func frame(head, blob uint32, rest string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, head)
	b = binary.LittleEndian.AppendUint32(b, blob)
	return append(b, rest...)
}

func TestReadRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"cut lengths": {1, 0, 0},
		"empty head":  frame(0, 0, ""),
		"huge head":   frame(MaxHead+1, 0, ""),
		"huge blob":   frame(2, 0xffffffff, "{}"),
		"overflow":    frame(0xffffffff, 0xffffffff, ""),
		"cut head":    frame(10, 0, "{}"),
		"no JSON":     frame(5, 0, "hello"),
	} {
		if m, err := Read(bytes.NewReader(b)); !errors.Is(err, ErrGarbled) {
			t.Errorf("%s: Read = %v, %v; want ErrGarbled", name, m, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var ok bytes.Buffer
	Write(&ok, &Message{ID: 3, Op: OpRead, Body: json.RawMessage(`{}`), Blob: []byte("x")})
	f.Add(ok.Bytes())
	f.Add(frame(2, 3, "{}abc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b))
		if err == nil && len(m.Blob) > len(b) {
			t.Errorf("blob of %d bytes from %d", len(m.Blob), len(b))
		}
	})
}

// talk joins a client and a server.
func talk(t *testing.T, handlers map[string]Handler, notes func(*Message)) (*Client, *Server, net.Conn) {
	t.Helper()
	host, guest := net.Pipe()
	server := NewServer(guest, handlers)
	if notes == nil {
		notes = func(*Message) {}
	}
	client := NewClient(host, notes)
	go server.Serve()
	t.Cleanup(func() { client.Close(); guest.Close() })
	return client, server, guest
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestCall(t *testing.T) {
	client, _, _ := talk(t, map[string]Handler{
		"echo": func(call *Message, progress func([]byte) error) (any, []byte, error) {
			for i := range 40 { // more than any buffer between
				progress(fmt.Appendf(nil, "%d ", i))
			}
			return map[string]int{"len": len(call.Blob)}, bytes.ToUpper(call.Blob), nil
		},
		"fail": func(*Message, func([]byte) error) (any, []byte, error) { return nil, nil, errors.New("no disk") },
		"big": func(*Message, func([]byte) error) (any, []byte, error) {
			return nil, make([]byte, MaxBlob+1), nil
		},
	}, nil)
	var out strings.Builder
	var result struct{ Len int }
	blob, err := client.Stream(deadline(t), "echo", nil, []byte("abc"), &result, func(b []byte) { out.Write(b) })
	if err != nil || string(blob) != "ABC" || result.Len != 3 {
		t.Errorf("echo = %q, %+v, %v", blob, result, err)
	}
	if !strings.HasPrefix(out.String(), "0 1 2 ") || !strings.HasSuffix(out.String(), " 39 ") {
		t.Errorf("progress = %q", out.String())
	}
	var callErr *CallError
	if err := client.Call(deadline(t), "fail", nil, nil); !errors.As(err, &callErr) || callErr.Text != "no disk" {
		t.Errorf("fail: %v", err)
	}
	for _, op := range []string{"big", "unheard of"} {
		if err := client.Call(deadline(t), op, nil, nil); !errors.As(err, &callErr) {
			t.Errorf("%s: %v, want a CallError", op, err)
		}
	}
}

func TestNotes(t *testing.T) {
	got := make(chan string, 1)
	_, server, _ := talk(t, nil, func(m *Message) { got <- m.Op + " " + string(m.Blob) })
	if err := server.Note(NoteKmsg, nil, []byte("line")); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-got:
		if s != "kmsg line" {
			t.Errorf("note %q", s)
		}
	case <-deadline(t).Done():
		t.Fatal("no note came")
	}
}

func TestGuestVanishes(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	client, _, guest := talk(t, map[string]Handler{
		"hang": func(*Message, func([]byte) error) (any, []byte, error) { <-hang; return nil, nil, nil },
	}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Call(ctx, "hang", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call past its deadline: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { guest.Close() })
	if err := client.Call(deadline(t), "hang", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call to a guest that goes: %v, want ErrClosed", err)
	}
	if err := client.Call(deadline(t), "hang", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call to a guest that is gone: %v, want ErrClosed", err)
	}
}

func TestGuestSpeaksGarbage(t *testing.T) {
	host, guest := net.Pipe()
	client := NewClient(host, func(*Message) {})
	defer client.Close()
	go func() {
		guest.Write([]byte("Segmentation fault\n"))
	}()
	<-client.Done()
	if err := client.Call(deadline(t), OpModules, nil, nil); !errors.Is(err, ErrGarbled) {
		t.Errorf("Call = %v, want ErrGarbled", err)
	}
}

// A guest that stops reading must not block the host beyond its deadline.
func TestGuestStopsReading(t *testing.T) {
	host, guest := net.Pipe()
	defer guest.Close()
	client := NewClient(host, func(*Message) {})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Call(ctx, OpModules, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Call = %v, want its deadline", err)
	}
}

// A caller that gives up in the middle of a long answer must not block the others.
func TestCallerGivesUp(t *testing.T) {
	client, _, _ := talk(t, map[string]Handler{
		"flood": func(_ *Message, progress func([]byte) error) (any, []byte, error) {
			for range 1000 {
				if progress([]byte("x")) != nil {
					break
				}
			}
			return nil, nil, nil
		},
		"ping": func(*Message, func([]byte) error) (any, []byte, error) { return nil, []byte("pong"), nil },
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := client.Stream(ctx, "flood", nil, nil, nil, func([]byte) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("flood = %v, want Canceled", err)
	}
	if blob, err := client.Stream(deadline(t), "ping", nil, nil, nil, nil); err != nil || string(blob) != "pong" {
		t.Errorf("ping = %q, %v", blob, err)
	}
}

// TestForgedReply: a reply to a call that was never made ends the connection, however plausible it is. A client that
// took over a connection first drops what was on its way to the one before.
func TestForgedReply(t *testing.T) {
	for name, tt := range map[string]struct {
		client  func(io.ReadWriteCloser, func(*Message)) *Client
		answers int // calls that are answered before the forgery
		forged  bool
	}{
		"at once":             {NewClient, 0, true},
		"later":               {NewClient, 1, true},
		"late for the former": {NewResumedClient, 0, false},
		"resumed, later":      {NewResumedClient, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			ours, guest := net.Pipe()
			defer guest.Close()
			client := tt.client(ours, func(*Message) {})
			defer client.Close()
			for range tt.answers {
				go func() {
					if call, err := Read(guest); err == nil {
						Write(guest, &Message{ID: call.ID, Done: true})
					}
				}()
				if err := client.Call(deadline(t), OpClock, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := Write(guest, &Message{ID: 1, Done: true, Body: json.RawMessage(`{"exit":0}`)}); err != nil {
				t.Fatal(err)
			}
			go func() { // the client still talks to a guest that it trusts
				if call, err := Read(guest); err == nil {
					Write(guest, &Message{ID: call.ID, Done: true})
				}
			}()
			err := client.Call(deadline(t), OpClock, nil, nil)
			if errors.Is(err, ErrForged) != tt.forged || (err == nil) == tt.forged {
				t.Error(err)
			}
		})
	}
}

// TestNumbers: no number of a call tells the next.
func TestNumbers(t *testing.T) {
	c := newClient(nopConn{}, func(*Message) {}, false)
	seen := make(map[uint64]bool)
	var last uint64
	for range 1000 {
		id, _ := c.register()
		if seen[id] || id == 0 || id-last < 1<<20 {
			t.Fatalf("%d after %d", id, last)
		}
		seen[id], last = true, id
	}
}

// nopConn is the connection of a client that is not read.
type nopConn struct{ io.ReadWriteCloser }

func (nopConn) Read([]byte) (int, error) { select {} }
