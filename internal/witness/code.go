// SPDX-License-Identifier: MIT

package witness

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// code is a part of the kernel that nothing changes while it runs, but for some sites.
type code struct {
	at   uint64
	data []byte
}

// parts are the ends of the kernel's code, and of its constants, among them the table of system calls.
var parts = [][2]string{{"_stext", "_etext"}, {"__start_rodata", "__end_rodata"}}

// maxCode bounds one of the parts, in bytes. Debian's kernels have 14 to 18 MiB of code.
const maxCode = 128 << 20

func (r *reader) code() ([]code, error) {
	var list []code
	for _, p := range parts {
		start, end := r.symbols(p[0]), r.symbols(p[1])
		if start == 0 || end <= start || end-start > maxCode {
			return nil, r.lacks("the kernel's code")
		}
		data, err := r.physical.ReadPhysical(start-imageMap, int(end-start))
		if err != nil {
			return nil, &MemoryError{start - imageMap, err}
		}
		if uint64(len(data)) != end-start {
			return nil, fmt.Errorf("read the kernel's code: it has only %d bytes", len(data))
		}
		list = append(list, code{start, data})
	}
	return list, nil
}

// namer finds the symbol of the kernel's that an address is in, and how far behind its beginning that is, in bytes.
type namer func(addr uint64) (name string, offset uint64)

// changed notes what of the kernel's code differs from the first view, by function, each once.
func (r *reader) changed(v, first *View, name namer) error {
	var sites sites
	for i := range min(len(first.code), len(v.code)) {
		patches, more := differing(first.code[i], v.code[i])
		if more {
			v.Changed = once(v.Changed, fmt.Sprintf("more than %d places", maxPatches))
		}
		for _, p := range patches {
			if sites == nil {
				var err error
				if sites, err = r.sites(); err != nil {
					return err
				}
			}
			if err := r.patch(v, sites, p, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// patch is a run of bytes that differ.
type patch struct {
	before, after code
	at, end       uint64
}

// patch notes a patch, unless the kernel itself makes such patches.
func (r *reader) patch(v *View, sites sites, p patch, name namer) error {
	for at := p.at; at < p.end; at++ {
		if p.before.data[at-p.before.at] == p.after.data[at-p.after.at] {
			continue
		}
		end, legal, err := r.legal(sites, p, at)
		if err != nil {
			return err
		}
		if legal {
			at = end - 1
			continue
		}
		of, offset := name(at)
		legal, err = r.trampoline(of, p.after, at-offset)
		switch {
		case err != nil:
			return err
		case legal:
		case slices.Contains(dispatchers, of):
			r.dispatcher(v, of, p.after.instruction(at-offset), at-offset, name)
		case r.probed(p.before.instruction(at), at) && r.probed(p.after.instruction(at), at): // optimized, or no longer
		case r.hooked(p, at, offset):
			v.Hooked = once(v.Hooked, of)
		default:
			v.Changed = once(v.Changed, of)
		}
		break // the rest has the same cause
	}
	return nil
}

// once adds a name to a list that does not have it. A list that is full says enough.
func once(list []string, name string) []string {
	if len(list) == maxNames || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// maxPatches bounds the runs that are looked at. Debian's 7.3 has 10,062 jump labels.
const maxPatches = 1 << 16

// differing are the runs of bytes that differ. Two that are less than an instruction apart are one.
// more says that there are others.
func differing(a, b code) (list []patch, more bool) {
	const block = 4096
	size := min(len(a.data), len(b.data))
	for at := 0; at < size; at += block {
		end := min(at+block, size)
		if string(a.data[at:end]) == string(b.data[at:end]) {
			continue
		}
		for n := at; n < end; n++ {
			if a.data[n] == b.data[n] {
				continue
			}
			addr, last := a.at+uint64(n), len(list)-1
			switch {
			case last >= 0 && addr < list[last].end+siteSize && addr < list[last].at+siteSize:
				list[last].end = addr + 1
			case len(list) == maxPatches:
				return list, true
			default:
				list = append(list, patch{a, b, addr, addr + 1})
			}
		}
	}
	return list, false
}

// instruction returns the bytes at an address, as many as a site may have, or none.
func (c *code) instruction(at uint64) []byte {
	if at < c.at || at+siteSize > c.at+uint64(len(c.data)) {
		return nil
	}
	return c.data[at-c.at:][:siteSize]
}

// Opcodes of x86-64.
const (
	opCall      = 0xe8
	opJump      = 0xe9
	opJumpShort = 0xeb
	opReturn    = 0xc3
	opBreak     = 0xcc
)

const callSize = 5

// target is where a call or jump at an address leads to.
func target(text []byte, at uint64) uint64 {
	switch {
	case text[0] == opJumpShort:
		return at + 2 + uint64(int64(int8(text[1])))
	case conditional(text):
		return at + 6 + uint64(int64(int32(binary.LittleEndian.Uint32(text[2:]))))
	}
	return at + callSize + uint64(int64(int32(binary.LittleEndian.Uint32(text[1:]))))
}

// conditional reports whether an instruction is a conditional jump, as some static calls are since 6.3.
func conditional(text []byte) bool { return text[0] == 0x0f && text[1]&0xf0 == 0x80 }

func (r *reader) isText(addr uint64) bool {
	return addr >= r.symbols("_stext") && addr < r.symbols("_etext")
}

// nops are the instructions of five bytes, and of two, that do nothing: the kernel's own choices, 5.10 to 7.3.
var nops = []string{"\x0f\x1f\x44\x00\x00", "\x66\x66\x66\x66\x90", "\x3e\x8d\x74\x26\x00", "\x66\x90"}

func isNop(text []byte) bool {
	return slices.ContainsFunc(nops, func(nop string) bool { return strings.HasPrefix(string(text), nop) })
}

// dispatchers are the calls and jumps of ftrace's own code with which it leads to what is to be told, and ledBy where
// they lead to.
var (
	dispatchers = []string{"ftrace_call", "ftrace_regs_call", "ftrace_graph_call"}
	ledBy       = []string{
		"arch_ftrace_ops_list_func", "ftrace_ops_list_func", "ftrace_ops_assist_func", "call_direct_funcs",
		"kprobe_ftrace_handler", "fprobe_ftrace_entry", "fprobe_handler", "ftrace_graph_caller", "ftrace_graph_func",
	}
)

// dispatcher notes what a dispatcher does now, unless ftrace itself made it do so. One that does nothing tells nothing.
func (r *reader) dispatcher(v *View, function string, text []byte, at uint64, name namer) {
	to, offset := "", uint64(0)
	if text != nil && (text[0] == opCall || text[0] == opJump) {
		to, offset = name(target(text, at))
	}
	switch {
	case to == "" || to == "ftrace_stub":
		v.Changed = once(v.Changed, function)
	case offset != 0 || !slices.Contains(ledBy, to):
		v.Hooked = once(v.Hooked, function)
	}
}

// probed reports whether an instruction is that of a kprobe: a breakpoint or, if it is optimized, a jump out of the
// kernel's image.
func (r *reader) probed(text []byte, at uint64) bool {
	return text != nil && (text[0] == opBreak || text[0] == opJump && !r.isText(target(text, at)))
}

// hooked reports whether a patch is one with which kprobes or ftrace hook a function, and takes no hook away without
// another one in its place. Those of the tracer are in the first view.
func (r *reader) hooked(p patch, at, offset uint64) bool {
	if r.probed(p.after.instruction(at), at) {
		return true
	}
	const entry = 4 // ftrace's call is the first instruction, or follows endbr64
	for back := uint64(0); back < callSize && back <= offset; back++ {
		before, after := p.before.instruction(at-back), p.after.instruction(at-back)
		if before == nil || offset-back > entry {
			continue
		}
		// From 7.x on ftrace may also jump (CONFIG_DYNAMIC_FTRACE_WITH_JMP).
		leads := func(text []byte) bool {
			return text[0] == opCall || text[0] == opJump && !r.isText(target(text, at-back))
		}
		if (isNop(before) || leads(before)) && leads(after) {
			return true
		}
	}
	return false
}
