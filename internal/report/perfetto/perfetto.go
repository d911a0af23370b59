// SPDX-License-Identifier: MIT

// Package perfetto writes a result.Result as a Perfetto protobuf trace, which ui.perfetto.dev and trace_processor open:
// a process for each kind of actor, a track for each task, slices for stages and calls, instants for events, flows for
// cause and effect, counters for references to modules. It is pure.
package perfetto

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/kmodlab/kmodlab/result"
)

// Trace writes r as a trace. Its times are those of the result, shifted so that none is negative.
func Trace(w io.Writer, r *result.Result) error {
	m := build(r)
	buf := bufio.NewWriterSize(w, 64<<10)
	e := encoder{w: buf, base: m.earliest()}
	e.descriptors(m)
	e.events(m)
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write Perfetto trace: %w", err)
	}
	return nil
}

// encoder writes packets. bufio.Writer keeps the first error.
type encoder struct {
	w     *bufio.Writer
	base  int64 // the result's time at the trace's zero
	first bool
	// Scratch space, since there are hundreds of thousands of packets.
	packet, event, inner, whole message
}

func (e *encoder) write() {
	e.packet.number(packetSequence, sequence)
	if !e.first {
		e.packet.number(packetFlags, stateCleared)
		e.first = true
	}
	e.whole = e.whole[:0]
	e.whole.inner(tracePacket, e.packet)
	e.w.Write(e.whole)
}

// descriptors names the processes and tracks. A process's track has the number of its kind; the others follow.
func (e *encoder) descriptors(m *model) {
	used := make(map[kind]bool)
	for _, t := range m.tracks {
		used[t.kind] = true
	}
	for k := kind(1); k < numKinds; k++ {
		if !used[k] {
			continue
		}
		var process, d message
		process.number(processPID, k.pid())
		process.text(processName, k.String())
		d.number(descriptorUUID, uint64(k))
		d.inner(descriptorProcess, process)
		e.packet = e.packet[:0]
		e.packet.inner(packetDescriptor, d)
		e.write()
	}
	for _, t := range m.tracks {
		var d message
		d.number(descriptorUUID, t.uuid)
		d.text(descriptorName, t.name)
		d.number(descriptorParent, uint64(t.kind))
		if t.counter {
			d.inner(descriptorCounter, nil)
		}
		e.packet = e.packet[:0]
		e.packet.inner(packetDescriptor, d)
		e.write()
	}
}

// mark is one packet of a track: the begin or end of a slice, an instant, or a count.
type mark struct {
	at    int64
	kind  int
	track uint64
	value int64
	what  *entry // nil for an end or a count
	rank  int    // order within one moment
}

// events writes all marks in order of time, as Perfetto wants them. Marks of one track at the same moment keep the
// order in which they nest, and the start of an arrow precedes its end.
func (e *encoder) events(m *model) {
	var marks []mark
	for _, t := range m.tracks {
		from := len(marks)
		marks = t.marks(marks)
		rank(marks[from:])
	}
	slices.SortStableFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank))
	})
	for i := range marks {
		e.mark(&marks[i])
	}
}

// rank numbers a track's marks of the same moment so that they keep their order.
func rank(marks []mark) {
	for i := range marks {
		m := &marks[i]
		switch {
		case m.what == nil:
		case len(m.what.flowEnds) > 0:
			m.rank = 2
		default:
			m.rank = 1
		}
		if i > 0 && marks[i-1].at == m.at {
			m.rank = max(m.rank, marks[i-1].rank)
		}
	}
}

func (e *encoder) mark(m *mark) {
	e.event = e.event[:0]
	e.event.number(eventType, uint64(m.kind))
	e.event.number(eventTrack, m.track)
	if m.kind == typeCounter {
		e.event.number(eventCounter, signed(m.value))
	}
	if m.what != nil {
		e.event.text(eventName, m.what.name)
		for _, f := range m.what.fields {
			e.inner = e.inner[:0]
			e.inner.text(annotationName, f.name)
			if f.text == "" {
				e.inner.number(annotationInt, signed(f.number))
			} else {
				e.inner.text(annotationString, f.text)
			}
			e.event.inner(eventAnnotation, e.inner)
		}
		for _, id := range m.what.flows {
			e.event.number(eventFlow, id)
		}
		for _, id := range m.what.flowEnds {
			e.event.number(eventFlowEnd, id)
		}
	}
	e.packet = e.packet[:0]
	e.packet.number(packetTimestamp, uint64(m.at-e.base))
	e.packet.inner(packetTrackEvent, e.event)
	e.write()
}
