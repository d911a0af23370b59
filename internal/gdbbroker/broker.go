// SPDX-License-Identifier: MIT

// Package gdbbroker stands between gdb and a machine's gdb stub. It passes packets on, looks at the machine each time
// that it stops, and parts the two, so that a machine outlives its gdb and a gdb its machine.
package gdbbroker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kmodlab/kmodlab/internal/gdbremote"
)

// Broker is one debugging session. Run carries it out.
type Broker struct {
	// Machine is the stub of a machine that stands; GDB is the other end of gdb's connection. Run closes both.
	Machine, GDB net.Conn
	// Stopped is called each time that the machine stops, before gdb is told. It may read the machine's memory.
	Stopped func(*Look)

	running   atomic.Bool
	fromGDB   chan gdbremote.Item
	fromStub  chan gdbremote.Item
	finish    chan struct{}
	finishing sync.Once
	parted    bool // the machine is released
}

// New makes a Broker.
func New(machine, gdb net.Conn, stopped func(*Look)) *Broker {
	return &Broker{
		Machine: machine, GDB: gdb, Stopped: stopped,
		fromGDB: make(chan gdbremote.Item), fromStub: make(chan gdbremote.Item), finish: make(chan struct{}),
	}
}

// Running reports whether the machine runs. Before Run it stands.
func (b *Broker) Running() bool { return b.running.Load() }

// Finish lets go of the machine as soon as it runs, and tells gdb that it is gone.
func (b *Broker) Finish() { b.finishing.Do(func() { close(b.finish) }) }

// stopLimit is how long the stub may take to answer, or a machine to stop.
const stopLimit = 20 * time.Second

// Run passes packets on until gdb leaves or ends, Finish was called and the machine ran, or the machine ends. Then the
// machine runs, without breakpoints, unless the error says that its stub does not do what it is told.
func (b *Broker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer b.Machine.Close()
	defer b.GDB.Close()
	defer cancel()
	reading.Go(func() { read(ctx, b.Machine, b.fromStub) })
	reading.Go(func() { read(ctx, b.GDB, b.fromGDB) })
	err := b.loop(ctx)
	if err == nil && !b.parted {
		err = b.part()
	}
	return err
}

// read sends what comes, until the connection ends.
func read(ctx context.Context, c net.Conn, to chan<- gdbremote.Item) {
	defer close(to)
	r := bufio.NewReader(c)
	for {
		item, err := gdbremote.Read(r)
		if err != nil {
			return
		}
		if item.Kind == gdbremote.Ack { // a socket loses nothing
			continue
		}
		select {
		case to <- item:
		case <-ctx.Done():
			return
		}
	}
}

var errGone = errors.New("the machine's debugger has closed the connection")

// loop returns nil when gdb has ended or left, or the machine is to be released.
func (b *Broker) loop(ctx context.Context) error {
	finish := b.finish
	support := false // gdb has just asked what the stub supports
	for {
		if b.running.Load() && finished(finish) {
			if err := b.part(); err != nil {
				return err
			}
			b.bye(gdbremote.Exited)
			return nil
		}
		select {
		case item, ok := <-b.fromGDB:
			if !ok {
				return nil
			}
			support = gdbremote.AsksSupport(item.Body)
			if done, err := b.gdb(item); done || err != nil {
				return err
			}
		case item, ok := <-b.fromStub:
			if !ok {
				return errGone
			}
			if err := b.stub(item, support); err != nil {
				return err
			}
		case <-wake(b.running.Load(), finish):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func finished(finish <-chan struct{}) bool {
	select {
	case <-finish:
		return true
	default:
		return false
	}
}

// wake is finish while the machine runs; one that stands is released when it is to run.
func wake(running bool, finish <-chan struct{}) <-chan struct{} {
	if running {
		return finish
	}
	return nil
}

// gdb handles what gdb has sent. done reports that it has left.
func (b *Broker) gdb(item gdbremote.Item) (done bool, _ error) {
	if item.Kind == gdbremote.Stop {
		return false, b.send([]byte{gdbremote.Interrupt})
	}
	b.GDB.Write([]byte{'+'})
	switch {
	case gdbremote.Ends(item.Body), gdbremote.Leaves(item.Body): // the machine is not gdb's to end: the story follows
		err := b.part()
		b.bye("OK")
		return true, err
	case gdbremote.Resumes(item.Body):
		if finished(b.finish) {
			return false, b.part() // loop tells gdb
		}
		b.running.Store(true)
	}
	return false, b.send(gdbremote.Wrap(item.Text))
}

// byeLimit is how long a gdb may take to close a connection of which it knows that it is over.
const byeLimit = 2 * time.Second

// bye says the last word, and waits until gdb has read it.
func (b *Broker) bye(text string) {
	b.GDB.Write(gdbremote.Encode([]byte(text)))
	late := time.NewTimer(byeLimit)
	defer late.Stop()
	for {
		select {
		case _, ok := <-b.fromGDB:
			if !ok {
				return
			}
		case <-late.C:
			return
		}
	}
}

// stub handles what the stub has sent.
func (b *Broker) stub(item gdbremote.Item, support bool) error {
	if item.Kind != gdbremote.Packet {
		return nil
	}
	if err := b.send([]byte{'+'}); err != nil {
		return err
	}
	if support {
		b.GDB.Write(gdbremote.Encode(gdbremote.WithoutNoAck(item.Body)))
		return nil
	}
	stopped, ended := gdbremote.Stopped(item.Body)
	if stopped && b.running.Swap(false) && !ended && b.Stopped != nil {
		look := &Look{b: b}
		b.Stopped(look)
		if look.err != nil {
			return look.err
		}
	}
	b.GDB.Write(gdbremote.Wrap(item.Text)) // if it has ended, that is read
	return nil
}

func (b *Broker) send(data []byte) error {
	b.Machine.SetWriteDeadline(time.Now().Add(stopLimit))
	if _, err := b.Machine.Write(data); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// part takes the breakpoints away and lets the machine run.
func (b *Broker) part() error {
	if b.parted {
		return nil
	}
	b.parted = true
	if b.running.Load() {
		if err := b.halt(); err != nil {
			return err
		}
	}
	// With gdb's extension for several processes QEMU wants to be told which one.
	for _, packet := range []string{"D;1", "D"} {
		answer, err := b.ask(packet)
		if err != nil {
			return err
		}
		if string(answer) == "OK" {
			b.running.Store(true)
			return nil
		}
	}
	return fmt.Errorf("let the machine run: its debugger refuses")
}

// halt stops a machine that runs.
func (b *Broker) halt() error {
	if err := b.send([]byte{gdbremote.Interrupt}); err != nil {
		return err
	}
	for {
		answer, err := b.answer()
		if err != nil {
			return err
		}
		stopped, ended := gdbremote.Stopped(answer)
		if ended {
			return errGone
		}
		if stopped {
			b.running.Store(false)
			return nil
		}
	}
}

// ask sends a packet to the stub of a machine that stands, and waits for the answer.
func (b *Broker) ask(packet string) ([]byte, error) {
	if err := b.send(gdbremote.Encode([]byte(packet))); err != nil {
		return nil, err
	}
	return b.answer()
}

func (b *Broker) answer() ([]byte, error) {
	late := time.NewTimer(stopLimit)
	defer late.Stop()
	for {
		select {
		case item, ok := <-b.fromStub:
			if !ok {
				return nil, errGone
			}
			if item.Kind != gdbremote.Packet {
				continue
			}
			return item.Body, b.send([]byte{'+'})
		case <-late.C:
			return nil, fmt.Errorf("the machine's debugger did not answer within %s", stopLimit)
		}
	}
}

// Look reads a machine that stands.
type Look struct {
	b   *Broker
	err error // of the connection
}

// Registers are those of the processor that stopped.
func (l *Look) Registers() (gdbremote.Registers, error) {
	answer, err := l.b.ask("g")
	if err != nil {
		l.err = err
		return gdbremote.Registers{}, err
	}
	return gdbremote.ParseRegisters(answer)
}

// largest is how many bytes are asked for at once.
const largest = 512

// Read reads memory by that processor's page tables.
func (l *Look) Read(at uint64, size int) ([]byte, error) {
	var data []byte
	for len(data) < size {
		n := min(largest, size-len(data))
		answer, err := l.b.ask(gdbremote.ReadMemory(at+uint64(len(data)), n))
		if err != nil {
			l.err = err
			return nil, err
		}
		part, err := gdbremote.ParseMemory(answer, n)
		if err != nil {
			return nil, err
		}
		if len(part) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		data = append(data, part...)
	}
	return data, nil
}
