// SPDX-License-Identifier: MIT

package witness

import (
	"encoding/binary"
	"testing"
)

// Where TestChanged has a jump label, a static call, and that one's key.
const (
	labelSite = image + 0x230
	callSite  = image + 0x330
	callKey   = image + 0x38000
)

// sites adds a jump label and a static call to the kernel's tables.
func (k *kernel) sites() {
	const labels, calls = image + 0x30000, image + 0x34000
	k.symbols["__start___jump_table"], k.symbols["__stop___jump_table"] = labels, labels+16
	k.symbols["__start_static_call_sites"], k.symbols["__stop_static_call_sites"] = calls, calls+8
	relative := func(at, to uint64) {
		k.put(at, binary.LittleEndian.AppendUint32(nil, uint32(to-at))...)
	}
	relative(labels, labelSite)
	relative(labels+4, labelSite+0x45)
	relative(calls, callSite)
	relative(calls+4, callKey+1) // with a flag
	k.symbols[keyName+"policy"], k.symbols["__static_call_return0"] = callKey, image+0x700
	k.put(labelSite, []byte(nops[0])...)
	k.put(image+0x400, []byte(nops[0])...) // a function that ftrace can hook
	k.put(image+0x440, opBreak)            // a probe of the tracer's
	k.put(image+0x480, opCall, 1, 2, 0x40, 0)
	k.put(image+0x840, branch(opCall, image+0x840, image+0x600)...)
	k.word(callKey, image+0x600)
	k.put(callSite, branch(opCall, callSite, image+0x600)...)
}

// branch is a call or a jump from one address to another.
func branch(op byte, at, to uint64) []byte {
	return binary.LittleEndian.AppendUint32([]byte{op}, uint32(to-at-5))
}

// TestChanged: the kernel patches its own code at known sites, kprobes and ftrace hook it, and whatever else has
// changed is told.
func TestChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		change          func(k *kernel)
		changed, hooked string
	}{
		"nothing":      {func(*kernel) {}, "", ""},
		"a jump label": {func(k *kernel) { k.put(labelSite, branch(opJump, labelSite, labelSite+0x45)...) }, "", ""},
		"a jump label that leads elsewhere": {func(k *kernel) {
			k.put(labelSite, branch(opJump, labelSite, image+0x1000)...)
		}, "function_200", ""},
		"a jump label, short":    {func(k *kernel) { k.put(labelSite, opJumpShort, 0x43) }, "", ""},
		"beside a jump label":    {func(k *kernel) { k.put(labelSite+5, 0x90) }, "function_200", ""},
		"a label and its beside": {func(k *kernel) { k.put(labelSite, 0x66, 0x90, 0, 0, 0, 0x90) }, "function_200", ""},
		"a static call": {func(k *kernel) {
			k.word(callKey, image+0x900)
			k.put(callSite, branch(opCall, callSite, image+0x900)...)
		}, "", ""},
		"a static call into a module": {func(k *kernel) {
			k.word(callKey, moduleMap)
			k.put(callSite, branch(opCall, callSite, moduleMap)...)
		}, "", ""},
		"a static call of something else": {func(k *kernel) {
			k.put(callSite, branch(opCall, callSite, image+0x900)...)
		}, "function_300", ""},
		"a static call that is gone": {func(k *kernel) { k.put(callSite, []byte(nops[0])...) }, "function_300", ""},
		"a static call of nothing": {func(k *kernel) {
			k.word(callKey, 0)
			k.put(callSite, []byte(nops[0])...)
		}, "", ""},
		"a static call that returns zero": {func(k *kernel) {
			k.word(callKey, image+0x700)
			k.put(callSite, []byte(returnsZero[1])...)
		}, "", ""},
		"a trampoline": {func(k *kernel) { k.put(image+0x800, branch(opJump, image+0x800, image+0x600)...) }, "", ""},
		"a trampoline to nowhere": {
			func(k *kernel) { k.put(image+0x800, opReturn) }, "__SCT__policy", "",
		},
		"a kprobe": {func(k *kernel) { k.put(image+0x500, opBreak) }, "", "function_500"},
		"an optimized kprobe": {
			func(k *kernel) { k.put(image+0x500, branch(opJump, image+0x500, moduleMap)...) }, "", "function_500",
		},
		"a probe of the tracer's, optimized": {
			func(k *kernel) { k.put(image+0x440, branch(opJump, image+0x440, moduleMap)...) }, "", "",
		},
		"a probe of the tracer's, gone": {func(k *kernel) { k.put(image+0x440, 0x90) }, "function_440", ""},
		"a hook of ftrace": {
			func(k *kernel) { k.put(image+0x400, branch(opCall, image+0x400, moduleMap)...) }, "", "function_400",
		},
		"a hook of ftrace that is another one": {
			func(k *kernel) { k.put(image+0x480, branch(opCall, image+0x480, moduleMap)...) }, "", "function_480",
		},
		"the tracer's hook, gone": {func(k *kernel) { k.put(image+0x480, []byte(nops[0])...) }, "function_480", ""},
		"a jump into the kernel": {
			func(k *kernel) { k.put(image+0x500, branch(opJump, image+0x500, image)...) }, "function_500", "",
		},
		"a system call": {func(k *kernel) { k.word(image+0x10080, 7) }, "function_80", ""},
		"the last byte": {func(k *kernel) { k.put(image+0x2fff, 0x90) }, "function_fc0", ""},
	} {
		k := newKernel()
		k.sites()
		first, err := Take(k.subject(), nil)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(k)
		last, err := Take(k.subject(), first)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if changed, hooked := Names(last.Changed), Names(last.Hooked); changed != tt.changed || hooked != tt.hooked {
			t.Errorf("%s: changed %q, hooked %q; want %q, %q", name, changed, hooked, tt.changed, tt.hooked)
		}
	}
}
