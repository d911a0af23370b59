// SPDX-License-Identifier: MIT

package vm

import (
	"slices"
	"testing"
)

// TestInstructions reads what QEMU 7.2 prints for two processors, shortened.
func TestInstructions(t *testing.T) {
	text := "\r\nCPU#0\r\nRAX=0000000000000000 RBX=0000000000000001\r\nRIP=ffffffffc0260005 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n" +
		"\r\nCPU#1\r\nRIP=ffffffff81000010 RFL=00000246\r\nRIP=short\r\n"
	if got, want := instructions(text), []uint64{0xffffffffc0260005, 0xffffffff81000010}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := instructions("nothing"); got != nil {
		t.Errorf("%x of nothing", got)
	}
}
