// SPDX-License-Identifier: MIT

package evidence

import (
	"bufio"
	"errors"
	"io"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// maxEvents bounds the events of a run, and with them the host's memory: an event takes
// about 250 bytes, and its stack 100 more. The rest is counted as lost.
const maxEvents = 1 << 20

// Records is a decoded stream of the tracer.
type Records struct {
	Events []event.Event
	Unkept map[string]uint64 // events beyond the bound, by kind
	Broken string            // why the stream ended early; "" if it did not
}

// ReadRecords decodes a stream to its end, and calls each, which may be nil, for each
// event as it comes.
func ReadRecords(r io.Reader, each func(event.Event)) Records {
	records := Records{Unkept: make(map[string]uint64)}
	err := event.ReadEach(bufio.NewReaderSize(r, 64<<10), func(e event.Event) {
		if len(records.Events) < maxEvents {
			records.Events = append(records.Events, e)
		} else {
			records.Unkept[e.Kind.String()]++
		}
		if each != nil {
			each(e)
		}
	})
	switch {
	case errors.Is(err, event.ErrTruncated):
		records.Broken = "the guest's trace records are cut off in the middle"
	case err != nil:
		records.Broken = err.Error()
	}
	return records
}

// SetRecords takes over a decoded stream, and the lost records that the tracer counted.
// MarkNS must be set before.
func (t *Trace) SetRecords(r Records, lost map[string]uint64) {
	t.Events, t.Broken = event.Since(r.Events, t.MarkNS), r.Broken
	t.Lost = make(map[string]uint64)
	for _, counted := range []map[string]uint64{lost, r.Unkept} {
		for kind, n := range counted {
			t.Lost[kind] += n
		}
	}
}
