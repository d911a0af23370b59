// SPDX-License-Identifier: MIT

package session

import (
	"encoding/binary"
	"slices"
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
	for name, tt := range map[string]struct {
		kernel kernelSymbols
		at     uint64
		stack  []uint64
		want   bool
	}{
		"in it":          {fakeSymbols{start, end}, start + 7, nil, true},
		"called from it": {fakeSymbols{start, end}, 0xffffffffc0264000, []uint64{1, end - 1}, true},
		"behind it":      {fakeSymbols{start, end}, end, []uint64{end + 4, start - 1}, false},
		"far away":       {fakeSymbols{start, end}, start + maxTimerLoop, nil, false},
		"no such symbol": {fakeSymbols{0, end}, 4, []uint64{start}, false},
		"no symbols":     {nil, start, []uint64{start}, false},
	} {
		if got := (&timerLoop{kernel: tt.kernel}).runs(tt.at, tt.stack); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWords: what is left of a stack that ends within a word is none.
func TestWords(t *testing.T) {
	stack := binary.LittleEndian.AppendUint64(nil, 7)
	stack = binary.LittleEndian.AppendUint64(stack, 9)
	if got := wordsOf(stack[:15]); !slices.Equal(got, []uint64{7}) {
		t.Errorf("%v", got)
	}
}
