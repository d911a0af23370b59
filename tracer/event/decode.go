// SPDX-License-Identifier: MIT

package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes from tracer/bpf/record.h. TestLayout compares them with the compiled object's own BTF.
const (
	// HeaderLen is the size of a record without parts.
	HeaderLen  = 128
	commLen    = 16
	textLen    = 64
	stackDepth = 12
	argsMax    = 6
	argLen     = 64
	envMax     = 4
	numbersMax = 8

	partText    = 1
	partStack   = 2
	partArgs    = 4
	partEnv     = 8
	partNumbers = 16

	taskKthread = 1

	// MaxFrame bounds a record on the wire; a longer length is garbage.
	MaxFrame = 4096
)

// ErrTruncated means that the stream ended inside a record, or without its end mark: the sender died.
var ErrTruncated = errors.New("event stream ends in the middle")

// Decode reads one record. The input may be longer than its parts need (ring buffers round up); a shorter one is an
// error. Text ends at its first NUL and may contain any other byte: it comes from the guest.
func Decode(b []byte) (Event, error) {
	if len(b) < HeaderLen {
		return Event{}, fmt.Errorf("decode record: %d bytes, a header has %d", len(b), HeaderLen)
	}
	le := binary.LittleEndian
	kind := Kind(le.Uint16(b[8:]))
	if kind == Invalid || kind >= numKinds {
		return Event{}, fmt.Errorf("decode record: unknown kind %d", kind)
	}
	parts, byFlags, targetFlags := b[10], b[11], b[12]
	e := Event{
		Time: le.Uint64(b),
		Kind: kind,
		CPU:  le.Uint32(b[16:]),
		Arg:  le.Uint32(b[20:]),
		By: Task{PID: le.Uint32(b[24:]), TGID: le.Uint32(b[28:]),
			Comm: text(b[40:][:commLen]), Kthread: byFlags&taskKthread != 0, Addr: le.Uint64(b[112:])},
		Target: Task{PID: le.Uint32(b[32:]), TGID: le.Uint32(b[36:]),
			Comm: text(b[56:][:commLen]), Kthread: targetFlags&taskKthread != 0, Addr: le.Uint64(b[120:])},
		Ptr:  le.Uint64(b[72:]),
		Func: le.Uint64(b[80:]),
		Data: le.Uint64(b[88:]),
		Aux:  le.Uint64(b[96:]),
		Ret:  int64(le.Uint64(b[104:])),
	}
	return e, decodeParts(&e, parts, b[HeaderLen:])
}

func decodeParts(e *Event, parts byte, rest []byte) error {
	take := func(n int) ([]byte, error) {
		if len(rest) < n {
			return nil, fmt.Errorf("decode record: %s is truncated", e.Kind)
		}
		part := rest[:n]
		rest = rest[n:]
		return part, nil
	}
	if parts&partText != 0 {
		b, err := take(textLen)
		if err != nil {
			return err
		}
		e.Text = text(b)
	}
	if parts&partStack != 0 {
		b, err := take(stackDepth * 8)
		if err != nil {
			return err
		}
		for ; len(b) > 0; b = b[8:] {
			addr := binary.LittleEndian.Uint64(b)
			if addr == 0 {
				break
			}
			e.Stack = append(e.Stack, addr)
		}
	}
	if parts&partArgs != 0 {
		b, err := take(argsMax * argLen)
		if err != nil {
			return err
		}
		e.Args = texts(b)
	}
	if parts&partEnv != 0 {
		b, err := take(envMax * argLen)
		if err != nil {
			return err
		}
		e.Env = texts(b)
	}
	if parts&partNumbers != 0 {
		b, err := take(numbersMax * 8)
		if err != nil {
			return err
		}
		for ; len(b) > 0; b = b[8:] {
			e.Numbers = append(e.Numbers, binary.LittleEndian.Uint64(b))
		}
	}
	return nil
}

// texts reads an array of strings; an empty one ends it.
func texts(b []byte) []string {
	var list []string
	for ; len(b) > 0; b = b[argLen:] {
		s := text(b[:argLen])
		if s == "" {
			break
		}
		list = append(list, s)
	}
	return list
}

func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// AppendFrame appends a record to b as the wire carries it: its length in two bytes, then the record.
func AppendFrame(b, record []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(record)))
	return append(b, record...)
}

// EndFrame is the mark after the last record.
func EndFrame() []byte { return []byte{0, 0} }

// ReadAll decodes frames until the end mark. It returns what was decoded with any error: ErrTruncated if the stream
// ends early, another if a record is garbage.
func ReadAll(r io.Reader) ([]Event, error) {
	var events []Event
	err := ReadEach(r, func(e Event) { events = append(events, e) })
	return events, err
}

// ReadEach is ReadAll for a stream that is read as it arrives: each receives every event as soon as it is read. The
// record of a sent signal also holds the kernel's decision, and yields two events.
func ReadEach(r io.Reader, each func(Event)) error {
	var length [2]byte
	buf := make([]byte, MaxFrame)
	names := make(names)
	for {
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return truncated(err)
		}
		n := int(binary.LittleEndian.Uint16(length[:]))
		if n == 0 {
			return nil
		}
		if n > MaxFrame {
			return fmt.Errorf("read event stream: record of %d bytes", n)
		}
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return truncated(err)
		}
		e, err := Decode(buf[:n])
		if err != nil {
			return err
		}
		names.share(&e)
		each(e)
		if g, ok := decision(&e, buf[:n]); ok {
			each(g)
		}
	}
}

// names keeps one string for each task name: even a flood of events involves few tasks.
type names map[string]string

// maxNames bounds names, since a guest may lie.
const maxNames = 4096

func (n names) share(e *Event) {
	for _, name := range []*string{&e.By.Comm, &e.Target.Comm} {
		if one, ok := n[*name]; ok {
			*name = one
		} else if len(n) < maxNames {
			n[*name] = *name
		}
	}
}

// decision is the SignalGenerated that the record of a send contains too.
func decision(e *Event, record []byte) (Event, bool) {
	result := record[13]
	if e.Kind != SignalSent || result == 0 {
		return Event{}, false
	}
	return Event{
		Time: e.Time, Kind: SignalGenerated, CPU: e.CPU, By: e.By, Target: e.Target, Arg: e.Arg, Ret: int64(result) - 1,
	}, true
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("read event stream: %w", err)
}
