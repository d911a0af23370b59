// SPDX-License-Identifier: MIT

package session

import (
	"encoding/binary"
	"testing"

	"github.com/kmodlab/kmodlab/internal/hang"
)

// fakeSymbols is a kernel with one function in its loop over timers, and one right behind.
type fakeSymbols struct{ start, end uint64 }

func (f fakeSymbols) Variable(name string) uint64 {
	if name == hang.TimerLoop {
		return f.start
	}
	return 0
}

func (f fakeSymbols) Function(addr uint64) string {
	if addr < f.end {
		return hang.TimerLoop + "+0x1"
	}
	return "hrtimer_interrupt+0x1"
}

// TestTimerLoop: a CPU is in the loop over timers if its instruction is, or a return address on its stack.
func TestTimerLoop(t *testing.T) {
	const start, end = 0xffffffff81145df0, 0xffffffff81146100
	on := func(words ...uint64) (stack []byte) {
		for _, w := range words {
			stack = binary.LittleEndian.AppendUint64(stack, w)
		}
		return stack
	}
	for name, tt := range map[string]struct {
		kernel kernelSymbols
		at     uint64
		stack  []byte
		want   bool
	}{
		"in it":          {fakeSymbols{start, end}, start + 7, nil, true},
		"called from it": {fakeSymbols{start, end}, 0xffffffffc0264000, on(1, end-1), true},
		"half a word":    {fakeSymbols{start, end}, 0xffffffffc0264000, on(end - 1)[:7], false},
		"behind it":      {fakeSymbols{start, end}, end, on(end+4, start-1), false},
		"far away":       {fakeSymbols{start, end}, start + maxTimerLoop, nil, false},
		"no such symbol": {fakeSymbols{0, end}, 4, on(start), false},
		"no symbols":     {nil, start, on(start), false},
	} {
		if got := (&timerLoop{kernel: tt.kernel}).runs(tt.at, tt.stack); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
