// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// consoleLimit is how much of a console is kept: the head shows how it began, the tail how it ended.
const consoleLimit = 256 << 10

// boundedLog keeps the first and the last bytes written to it, half its limit each, and counts what it dropped in
// between. Write never fails.
type boundedLog struct {
	mu    sync.Mutex
	half  int
	head  []byte
	tail  []byte // a ring once it is full
	next  int    // where the ring's oldest byte is
	total int64
}

func newBoundedLog(limit int) *boundedLog { return &boundedLog{half: limit / 2} }

func (l *boundedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	l.total += int64(n)
	if room := l.half - len(l.head); room > 0 {
		k := min(room, len(b))
		l.head = append(l.head, b[:k]...)
		b = b[k:]
	}
	if len(b) > l.half {
		b = b[len(b)-l.half:]
	}
	if room := l.half - len(l.tail); room > 0 {
		k := min(room, len(b))
		l.tail = append(l.tail, b[:k]...)
		b = b[k:]
	}
	for len(b) > 0 {
		k := copy(l.tail[l.next:], b)
		l.next = (l.next + k) % l.half
		b = b[k:]
	}
	return n, nil
}

// Bytes returns a copy, with a line that says how much is missing.
func (l *boundedLog) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := bytes.Clone(l.head)
	if lost := l.total - int64(len(l.head)+len(l.tail)); lost > 0 {
		out = fmt.Appendf(out, "\n[… %d bytes not shown …]\n", lost)
	}
	out = append(out, l.tail[l.next:]...)
	return append(out, l.tail[:l.next]...)
}

// panicText is how every kernel's panic() begins its line.
const panicText = "Kernel panic - not syncing"

// textFinder finds a text in a stream, also across the boundaries of its pieces.
type textFinder struct {
	text []byte
	rest []byte // the end of what was seen, shorter than text
	seen bool
}

func (f *textFinder) feed(b []byte) {
	if f.seen {
		return
	}
	joined := append(f.rest, b...)
	f.seen = bytes.Contains(joined, f.text)
	if k := len(f.text) - 1; len(joined) > k {
		joined = joined[len(joined)-k:]
	}
	f.rest = append([]byte(nil), joined...)
}

// drainConsole reads until QEMU closes its end, because unread bytes stall the guest's CPUs. It does not split lines,
// so no line is too long.
func (m *Machine) drainConsole(r io.Reader) {
	finder := textFinder{text: []byte(panicText)}
	buf := make([]byte, 32<<10)
	sink := m.cfg.Console
	for {
		n, err := r.Read(buf)
		if n > 0 {
			m.console.Write(buf[:n])
			m.markAlive()
			if finder.feed(buf[:n]); finder.seen {
				m.panicked.Store(true)
			}
			if sink != nil {
				if _, werr := sink.Write(buf[:n]); werr != nil {
					sink = nil // its owner lost interest; the guest must not stall
				}
			}
		}
		if err != nil {
			return
		}
	}
}
