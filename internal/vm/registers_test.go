// SPDX-License-Identifier: MIT

package vm

import (
	"slices"
	"testing"
)

// TestProcessors reads what QEMU 7.2 prints for two processors, shortened.
func TestProcessors(t *testing.T) {
	text := "\r\nCPU#0\r\nRAX=0000000000000000 RBX=0000000000000001\r\nRSI=0000000000000001 RDI=0000000000000001 RBP=ffffc900000dbe48 RSP=ffffc900000dbe28\r\n" +
		"RIP=ffffffffc0260005 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n" +
		"FS =0000 0000000000000000 ffffffff 00c00000\r\nGS =0000 ffff88801f400000 ffffffff 00c00000\r\n" +
		"\r\nCPU#1\r\nRSP=ffffc90000003f00\r\nRIP=ffffffff81000010 RFL=00000246\r\nRIP=short\r\n"
	want := []Processor{
		{0xffffffffc0260005, 0xffffc900000dbe28, "RAX=0000000000000000 RBX=0000000000000001 RSI=0000000000000001 " +
			"RDI=0000000000000001 RBP=ffffc900000dbe48 RSP=ffffc900000dbe28", 0xffff88801f400000},
		{0xffffffff81000010, 0xffffc90000003f00, "RSP=ffffc90000003f00", 0},
	}
	if got := processors(text); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := processors("nothing"); got != nil {
		t.Errorf("%x of nothing", got)
	}
}

func TestWords(t *testing.T) {
	text := "ffffffffc0264000: 0x0807060504030201 0x100f0e0d0c0b0a09\r\nffffffffc0264010: 0x00000000000000ff Cannot access memory\r\n" +
		"ffffffffc0264020: 0x0000000000000001\r\n"
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0xff, 0, 0, 0, 0, 0, 0, 0}
	if got := words(text); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
