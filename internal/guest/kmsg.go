// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// followKmsg sends the kernel's log, record by record as /dev/kmsg gives it. A record that was overwritten before it
// was read shows as a gap in the numbers. Only part of a flood is sent: all of it would leave the agent no time for
// anything else.
func (a *Agent) followKmsg() {
	f, err := openKmsg()
	if err != nil {
		a.server.Note(wire.NoteKmsg, nil, []byte("3,0,0,-;kmodlab: "+err.Error()))
		return
	}
	markClock()
	buf := make([]byte, maxRecord)
	flood := pace{left: kmsgBurst}
	for {
		if a.kmsg.hurry() {
			most := max(lastLines, flood.left)
			sent, ok := a.sprint(f.fd, most)
			if flood.left = max(0, flood.left-sent); !ok {
				return
			}
		}
		time.Sleep(flood.pause(time.Now()))
		n, err := unix.Read(f.fd, buf)
		if err == unix.EPIPE || err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if a.server.Note(wire.NoteKmsg, nil, buf[:n]) != nil {
			return
		}
		a.kmsg.note(buf[:n])
	}
}

// maxRecord is CONSOLE_EXT_LOG_MAX: no record is longer.
const maxRecord = 8 << 10

// kmsgState says how far the log is sent.
type kmsgState struct {
	mu     sync.Mutex
	sent   uint64        // the time in the last clock mark that was sent
	wanted uint64        // the one that somebody waits for
	done   chan struct{} // closed when it was sent
}

// note notes that a record was sent.
func (s *kmsgState) note(record []byte) {
	if ns, ok := markOf(record); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent = max(s.sent, ns)
		if s.done != nil && s.sent >= s.wanted {
			close(s.done)
			s.done = nil
		}
	}
}

// want returns a channel that is closed when a clock mark was sent.
func (s *kmsgState) want(mark uint64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	if s.sent >= mark {
		close(done)
		return done
	}
	s.wanted, s.done = mark, done
	return done
}

// giveUp says that nobody waits any more.
func (s *kmsgState) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted, s.done = 0, nil
}

// hurry reports whether somebody waits for the rest of the log.
func (s *kmsgState) hurry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted > s.sent
}

// Bounds on the wait for the end of the log.
const (
	flushLimit = 10 * time.Second
	lastLines  = 400 // of a flood, at its end; more if the pace allows
)

// flushKmsg sends what the log has by now: else the last words of a run would depend on who is faster.
func (a *Agent) flushKmsg() {
	mark := markClock()
	if mark == 0 {
		return
	}
	select {
	case <-a.kmsg.want(mark):
	case <-time.After(flushLimit):
	}
	a.kmsg.giveUp()
}

// sprint reads the log up to the mark that somebody waits for, and sends only its last records: the rest of a flood is
// a gap in the numbers. It returns how many it sent, and whether the host still listens.
func (a *Agent) sprint(fd, most int) (sent int, ok bool) {
	var last [][]byte
	buf := make([]byte, maxRecord)
	a.kmsg.mu.Lock()
	wanted := a.kmsg.wanted
	a.kmsg.mu.Unlock()
	for a.kmsg.hurry() {
		n, err := unix.Read(fd, buf)
		if err == unix.EPIPE || err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return 0, false
		}
		if len(last) == most {
			last = last[1:]
		}
		last = append(last, bytes.Clone(buf[:n]))
		if ns, ok := markOf(buf[:n]); ok && ns >= wanted {
			break
		}
	}
	for _, record := range last {
		if a.server.Note(wire.NoteKmsg, nil, record) != nil {
			return sent, false
		}
		a.kmsg.note(record)
		sent++
	}
	return sent, true
}

// clockMarks in a row: the fastest of them counts.
const clockMarks = 5

// markClock writes marks into the log, and returns the time in the last one, 0 if it cannot. They are of level debug,
// so no console shows them, and of facility user, so nobody takes them for the kernel's. Like every record, they make
// the one before readable: the kernel holds back a line without a line break, for KERN_CONT may continue it.
func markClock() uint64 {
	fd, err := unix.Open("/dev/kmsg", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var written uint64
	line := make([]byte, 0, 80)
	for range clockMarks {
		now, err := monotonic()
		if err != nil {
			return written
		}
		line = append(strconv.AppendUint(append(line[:0], "<15>"+wire.ClockMark...), now, 10), '\n')
		if _, err := unix.Write(fd, line); err == nil {
			written = now
		}
	}
	return written
}

// markOf returns the time in a clock mark, "15,7,8,-;kmodlab: CLOCK_MONOTONIC 9".
func markOf(record []byte) (uint64, bool) {
	head, text, _ := bytes.Cut(record, []byte(";"))
	text, _, _ = bytes.Cut(text, []byte("\n"))
	count, ok := bytes.CutPrefix(text, []byte(wire.ClockMark))
	if !ok || !bytes.HasPrefix(head, []byte("15,")) {
		return 0, false
	}
	ns, err := strconv.ParseUint(string(count), 10, 63)
	return ns, err == nil
}

// As many records as a boot or a dozen reports produce are sent at once; after that, about as many a second as a person
// could read.
const (
	kmsgBurst = 4000
	kmsgPause = 5 * time.Millisecond
)

// pace allows kmsgBurst records at once, and then one per kmsgPause.
type pace struct {
	left int // records
	last time.Time
}

// pause is how long the next record has to wait.
func (p *pace) pause(now time.Time) time.Duration {
	if !p.last.IsZero() {
		earned := now.Sub(p.last) / kmsgPause
		p.left = int(min(kmsgBurst, time.Duration(p.left)+earned))
		p.last = p.last.Add(earned * kmsgPause)
	} else {
		p.last = now
	}
	if p.left > 0 {
		p.left--
		return 0
	}
	return kmsgPause
}

// openKmsg starts at the end of the log on a real machine, whose past is not ours, and at its beginning in a VM.
func openKmsg() (*rawFile, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/kmsg: %w", err)
	}
	if os.Getpid() != 1 {
		if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("seek in /dev/kmsg: %w", err)
		}
	}
	return &rawFile{fd}, nil
}
