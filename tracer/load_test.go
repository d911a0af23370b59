// SPDX-License-Identifier: MIT

package tracer

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel reads this by offset (include/uapi/linux/bpf.h).
func TestProgLoadAttr(t *testing.T) {
	var a progLoadAttr
	for name, at := range map[string][2]uintptr{
		"insns": {unsafe.Offsetof(a.insns), 8}, "log_buf": {unsafe.Offsetof(a.logBuf), 32},
		"prog_name":            {unsafe.Offsetof(a.progName), 48},
		"expected_attach_type": {unsafe.Offsetof(a.expectedAttachType), 68}, "func_info": {unsafe.Offsetof(a.funcInfo), 80},
		"line_info": {unsafe.Offsetof(a.lineInfo), 96}, "attach_btf_id": {unsafe.Offsetof(a.attachBTFID), 108},
		"size": {unsafe.Sizeof(a), 120},
	} {
		if at[0] != at[1] {
			t.Errorf("%s is at %d, want %d", name, at[0], at[1])
		}
	}
}

func TestRefusal(t *testing.T) {
	const lacks = "this kernel lacks a type or field that it reads"
	for log, want := range map[string]string{
		"": "invalid argument",
		"0: (85) call bpf_x#7\nR1 type=ctx expected=fp\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n":    "invalid argument: R1 type=ctx expected=fp",
		"0: (b7) r0 = 0\n9: (85) call unknown#195896080\ninvalid func unknown#195896080\nprocessed 9 insns (limit)\n": lacks,
		"4: (18) r10 = 0xbad2310\nframe pointer is read only\nprocessed 4 insns (limit)\n":                            lacks,
	} {
		if got := refusal(unix.EINVAL, log).Error(); got != want {
			t.Errorf("%q gives %q, want %q", log, got, want)
		}
	}
}
