// SPDX-License-Identifier: MIT

package tracer

import (
	"encoding/binary"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// wokenKey is struct woken_key of wakes.bpf.h.
type wokenKey struct {
	Task      uint64
	TGID, PID uint32
}

// woken is struct woken of wakes.bpf.h.
type woken struct{ Wakes, Last uint64 }

// wakeFrame has a record if the wake-ups of a thread by a process went on after the last one with a record.
func wakeFrame(now uint64, key *wokenKey, w *woken) []byte {
	if w.Wakes <= w.Last {
		return nil
	}
	b := make([]byte, event.HeaderLen)
	le := binary.LittleEndian
	le.PutUint64(b, now)
	le.PutUint16(b[8:], uint16(event.WakesCounted))
	le.PutUint32(b[24:], key.TGID)
	le.PutUint32(b[28:], key.TGID)
	le.PutUint32(b[32:], key.PID)
	le.PutUint32(b[36:], key.PID)
	le.PutUint64(b[104:], w.Wakes)
	le.PutUint64(b[120:], key.Task)
	return event.AppendFrame(nil, b)
}
