// SPDX-License-Identifier: MIT

package witness

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// Where TestChanged has a jump label, a static call, and that one's key.
const (
	labelSite = image + 0x230
	callSite  = image + 0x330
	callKey   = image + 0x38000
	labelKey  = image + 0x38100
)

// sites adds a jump label and a static call to the kernel's tables.
func (k *kernel) sites() {
	const labels, calls = image + 0x30000, image + 0x34000
	k.symbols["__start___jump_table"], k.symbols["__stop___jump_table"] = labels, labels+32
	k.symbols["__start_static_call_sites"], k.symbols["__stop_static_call_sites"] = calls, calls+8
	relative := func(at, to uint64) {
		k.put(at, binary.LittleEndian.AppendUint32(nil, uint32(to-at))...)
	}
	relative(labels, labelSite)
	relative(labels+4, labelSite+0x45)
	k.word(labels+8, uint64(labelKey)-(labels+8))
	k.word(labels+24, uint64(labelKey)-(labels+24)+1) // it jumps while the key is off
	relative(labels+16, labelSite+0x10)
	relative(labels+20, labelSite+0x60)
	k.put(labelSite+0x10, opJumpShort, 0x60-0x10-2)
	relative(calls, callSite)
	relative(calls+4, callKey+1) // with a flag
	k.symbols[keyName+"policy"], k.symbols["__static_call_return0"] = callKey, image+0x700
	k.put(labelSite, []byte(nops[0])...)
	k.put(image+0x400, []byte(nops[0])...) // a function that ftrace can hook
	k.put(image+0x440, opBreak)            // a probe of the tracer's
	k.put(image+0x480, opCall, 1, 2, 0x40, 0)
	k.put(image+0x4c0, branch(opJump, image+0x4c0, moduleMap)...)
	k.put(image+0x840, branch(opCall, image+0x840, image+0x8c0)...)
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
		"nothing": {func(*kernel) {}, "", ""},
		"a jump label": {func(k *kernel) {
			k.word(labelKey, 1)
			k.put(labelSite, branch(opJump, labelSite, labelSite+0x45)...)
			k.put(labelSite+0x10, 0x66, 0x90)
		}, "", ""},
		"a jump label whose key is being turned on": {func(k *kernel) {
			k.word(labelKey, 0xffffffff)
			k.put(labelSite, branch(opJump, labelSite, labelSite+0x45)...)
		}, "", ""},
		"a jump label whose key is off": {func(k *kernel) {
			k.put(labelSite, branch(opJump, labelSite, labelSite+0x45)...)
		}, "function_200", ""},
		"a label that jumps while its key is off": {
			func(k *kernel) { k.put(labelSite+0x10, 0x66, 0x90) }, "function_240", "",
		},
		"a jump label that leads elsewhere": {func(k *kernel) {
			k.word(labelKey, 1)
			k.put(labelSite, branch(opJump, labelSite, image+0x1000)...)
		}, "function_200", ""},
		"a label that has grown": {func(k *kernel) {
			k.word(labelKey, 1)
			k.put(labelSite+0x10, []byte(nops[0])...)
		}, "function_240", ""},
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
		"a static call that does nothing": {func(k *kernel) {
			delete(k.symbols, "__static_call_return0")
			k.put(callSite, []byte(returnsZero[1])...)
		}, "function_300", ""},
		"a static call that has room for more": {func(k *kernel) {
			k.word(callKey, image+0x700)
			k.put(callSite, 0x31, 0xc0, 0xeb, 0x10, 0x90)
		}, "function_300", ""},
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
		t.Run(name, func(t *testing.T) {
			k := newKernel()
			k.sites()
			first := looks(t, k, nil)
			tt.change(k)
			last := looks(t, k, first)
			if changed, hooked := Names(last.Changed), Names(last.Hooked); changed != tt.changed || hooked != tt.hooked {
				t.Errorf("changed %q, hooked %q; want %q, %q", changed, hooked, tt.changed, tt.hooked)
			}
		})
	}
}

// TestManyPatches: code that differs in more places than are looked at is not as it was.
func TestManyPatches(t *testing.T) {
	const size = 16 * (maxPatches + 1)
	a, b := code{image, make([]byte, size)}, code{image, make([]byte, size)}
	for at := 0; at < size; at += 16 {
		b.data[at] = opBreak
	}
	list, more := differing(a, b)
	if len(list) != maxPatches || !more {
		t.Errorf("%d, more %t", len(list), more)
	}
	var names []string
	for i := range maxNames + 2 {
		names = once(names, fmt.Sprint(i))
	}
	if len(names) != maxNames {
		t.Errorf("%d functions are named", len(names))
	}
	r := &reader{space: &space{symbols: func(string) uint64 { return 0 }}}
	v := &View{code: []code{b}}
	err := r.changed(v, &View{code: []code{a}}, func(uint64) (string, uint64) { return "f", 0 })
	if err != nil || len(v.Changed) != 1 || !strings.Contains(v.Changed[0], "places") {
		t.Errorf("%v, %v", v.Changed, err)
	}
}
