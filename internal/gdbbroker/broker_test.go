// SPDX-License-Identifier: MIT

package gdbbroker

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/gdbremote"
)

// stub answers as QEMU's does: D wants a process, a byte stops a machine that runs.
type stub struct {
	conn net.Conn
	r    *bufio.Reader

	mu      sync.Mutex
	seen    []string
	running bool
}

func (s *stub) serve() {
	for {
		item, err := gdbremote.Read(s.r)
		if err != nil {
			return
		}
		s.mu.Lock()
		switch {
		case item.Kind == gdbremote.Stop && s.running:
			s.running = false
			s.say("T02thread:01;")
		case item.Kind == gdbremote.Packet:
			s.conn.Write([]byte("+"))
			s.packet(string(item.Body))
		}
		s.mu.Unlock()
	}
}

func (s *stub) packet(p string) {
	s.seen = append(s.seen, p)
	switch {
	case s.running:
		s.seen = append(s.seen, "while it runs")
	case p == "c":
		s.running = true
	case p == "D":
		s.say("E22")
	case p == "D;1":
		s.running = true
		s.say("OK")
	case p == "g":
		regs := make([]byte, 17*8)
		binary.LittleEndian.PutUint64(regs[5*8:], 0x1234)
		binary.LittleEndian.PutUint64(regs[16*8:], 0xffffffff81000000)
		s.say(hex.EncodeToString(regs))
	case strings.HasPrefix(p, "m"):
		s.say("6869")
	case strings.HasPrefix(p, "qSupported"):
		s.say("PacketSize=1000;QStartNoAckMode+")
	default:
		s.say("")
	}
}

func (s *stub) say(text string) { s.conn.Write(gdbremote.Encode([]byte(text))) }

// stops lets the machine reach a breakpoint.
func (s *stub) stops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	s.say("T05thread:01;")
}

func (s *stub) packets() ([]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen), s.running
}

// bench is a broker between a stub and a gdb that the test plays.
type bench struct {
	*stub
	broker *Broker
	gdb    net.Conn
	r      *bufio.Reader
	ended  chan error
	t      *testing.T
}

func newBench(t *testing.T, stopped func(*Look)) *bench {
	t.Helper()
	toStub, stubEnd := net.Pipe()
	toGDB, gdbEnd := net.Pipe()
	s := &stub{conn: buffered(stubEnd), r: bufio.NewReader(stubEnd)}
	go s.serve()
	b := &bench{
		stub: s, broker: New(toStub, toGDB, stopped), gdb: gdbEnd, r: bufio.NewReader(gdbEnd),
		ended: make(chan error, 1), t: t,
	}
	go func() { b.ended <- b.broker.Run(t.Context()) }()
	t.Cleanup(func() { gdbEnd.Close(); stubEnd.Close() })
	return b
}

// queue writes without waiting for a reader, as a socket does.
type queue struct {
	net.Conn
	parts chan []byte
}

func buffered(c net.Conn) net.Conn {
	q := &queue{c, make(chan []byte, 100)}
	go func() {
		for p := range q.parts {
			c.Write(p)
		}
	}()
	return q
}

func (q *queue) Write(p []byte) (int, error) { q.parts <- slices.Clone(p); return len(p), nil }

func (b *bench) tell(packet string) {
	b.t.Helper()
	if _, err := b.gdb.Write(gdbremote.Encode([]byte(packet))); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) hear() string {
	b.t.Helper()
	b.gdb.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		item, err := gdbremote.Read(b.r)
		if err != nil {
			b.t.Fatal(err)
		}
		if item.Kind == gdbremote.Packet {
			return string(item.Body)
		}
	}
}

func (b *bench) ask(packet string) string {
	b.t.Helper()
	b.tell(packet)
	return b.hear()
}

// waitRunning waits for the continue that has no answer.
func (b *bench) waitRunning() {
	b.t.Helper()
	b.gdb.SetReadDeadline(time.Now().Add(10 * time.Second))
	if c, err := b.r.ReadByte(); c != '+' || err != nil {
		b.t.Fatalf("%q, %v", c, err)
	}
	for range 1000 {
		if _, running := b.packets(); running {
			return
		}
		time.Sleep(time.Millisecond)
	}
	b.t.Fatal("the machine does not run")
}

func (b *bench) wantEnd(want error) {
	b.t.Helper()
	b.gdb.Close() // as gdb does when it is told that it is over
	select {
	case err := <-b.ended:
		if !errors.Is(err, want) {
			b.t.Errorf("ended with %v, want %v", err, want)
		}
	case <-time.After(10 * time.Second):
		b.t.Fatal("the broker does not end")
	}
}

func TestPassesOn(t *testing.T) {
	b := newBench(t, nil)
	if got := b.ask("qSupported:multiprocess+"); got != "PacketSize=1000;QStartNoAckMode-" {
		t.Errorf("supports %q", got)
	}
	if got := b.ask("m0,2"); got != "6869" {
		t.Errorf("memory %q", got)
	}
	if b.broker.Running() {
		t.Error("it runs before anybody said so")
	}
	if got := b.ask("D;1"); got != "OK" {
		t.Errorf("detach: %q", got)
	}
	b.wantEnd(nil)
	if _, running := b.packets(); !running {
		t.Error("the machine stands")
	}
}

// Where the machine stops it is looked at before gdb hears of it, and gdb's own packets are not disturbed.
func TestLooks(t *testing.T) {
	var found gdbremote.Registers
	b := newBench(t, func(l *Look) {
		found, _ = l.Registers()
		if data, err := l.Read(0x1000, 2); err != nil || string(data) != "hi" {
			t.Errorf("memory %q, %v", data, err)
		}
	})
	b.tell("c")
	b.waitRunning()
	b.stops()
	if got := b.hear(); got != "T05thread:01;" {
		t.Errorf("gdb hears %q", got)
	}
	if found.Argument != 0x1234 || found.Instruction != 0xffffffff81000000 {
		t.Errorf("registers %+x", found)
	}
}

// However gdb ends, the machine runs without it.
func TestGDBEnds(t *testing.T) {
	for _, running := range []bool{false, true} {
		for _, how := range []string{"is killed", "k", "vKill;1", "D;1"} {
			if running && how != "is killed" { // gdb stops the machine first
				continue
			}
			t.Run(fmt.Sprintf("%s, running %t", how, running), func(t *testing.T) {
				b := newBench(t, nil)
				if running {
					b.tell("c")
					b.waitRunning()
				}
				if how == "is killed" {
					b.gdb.Close()
				} else if got := b.ask(how); got != "OK" {
					t.Errorf("answer %q", got)
				}
				b.wantEnd(nil)
				seen, runs := b.packets()
				if !runs || slices.Contains(seen, "k") || slices.Contains(seen, "while it runs") || !slices.Contains(seen, "D;1") {
					t.Errorf("running %t after %q", runs, seen)
				}
			})
		}
	}
}

// When the work is done, gdb is told that the machine is gone: at once if it runs, else when gdb lets it run.
func TestFinish(t *testing.T) {
	t.Run("running", func(t *testing.T) {
		b := newBench(t, nil)
		b.tell("c")
		b.waitRunning()
		b.broker.Finish()
		if got := b.hear(); got != gdbremote.Exited {
			t.Errorf("gdb hears %q", got)
		}
		b.wantEnd(nil)
		if _, running := b.packets(); !running {
			t.Error("the machine stands")
		}
	})
	t.Run("standing", func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.Finish()
		if got := b.ask("m0,2"); got != "6869" {
			t.Errorf("memory %q of a machine that somebody looks at", got)
		}
		if got := b.ask("c"); got != gdbremote.Exited {
			t.Errorf("gdb hears %q", got)
		}
		b.wantEnd(nil)
		if _, running := b.packets(); !running {
			t.Error("the machine stands")
		}
	})
}

func TestMachineEnds(t *testing.T) {
	b := newBench(t, nil)
	b.tell("c")
	b.waitRunning()
	b.stub.conn.Close()
	b.wantEnd(errGone)
}
