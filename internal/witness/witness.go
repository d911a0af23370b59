// SPDX-License-Identifier: MIT

// Package witness looks at a guest from outside. A module owns the kernel that it is loaded into, and with it every
// answer of the guest. What the guest's memory holds, QEMU tells: the view is taken while the processors stand, with
// the addresses and structures of a kernel in which nothing foreign had been, and is compared with what the guest says
// of itself.
//
// A view proves what it has looked at, at that moment. A module that undoes its changes before the view is taken is not
// seen.
package witness

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// View is a guest, seen from outside.
type View struct {
	Taint       uint64                `json:"taint"`
	Modules     []Module              `json:"modules"`
	Tasks       []Task                `json:"tasks"`
	Programs    []program             `json:"programs"`
	Switches    map[string]uint32     `json:"switches"` // see switches
	Tracepoints map[string]tracepoint `json:"tracepoints"`
	Changed     []string              `json:"changed"` // functions whose code is not as in the first view
	// Hooked are functions that have a kprobe, or a hook of ftrace, since the first view.
	Hooked []string `json:"hooked,omitempty"`

	code []code
}

// tracepoint is one of the kernel's tracepoints.
type tracepoint struct {
	Enabled bool        `json:"enabled"`
	Calls   [][2]uint64 `json:"calls"`  // functions with their data, without stubs of what was removed
	Direct  bool        `json:"direct"` // its code does call them
}

// switches are variables that keep the kernel from saying what it does.
var switches = []struct {
	name  string
	bytes int
	means string
}{
	{"suppress_printk", 4, "the kernel prints nothing"},
	{"kprobes_all_disarmed", 1, "kprobes do not fire"},
	{"ftrace_disabled", 4, "functions are not traced"},
	{"tracing_disabled", 4, "nothing is traced"},
}

// reader reads a kernel's memory.
type reader struct {
	*space
	layout Layout
}

// Subject is what a view is taken of.
type Subject struct {
	Memory      Physical
	Symbols     Symbols
	Layout      Layout
	Tracepoints []string // that the tracer uses
	Name        namer
}

const (
	tracepointVariable = "__tracepoint_"
	tracepointIterator = "__traceiter_" // calls all functions of a tracepoint
)

// lacks is about a part of the view for which a symbol, or a member of a structure, is missing.
func (r *reader) lacks(what string) error {
	return fmt.Errorf("find %s: this kernel's symbols or types do not describe it", what)
}

// Take looks at a guest whose processors stand. first is an earlier view of it, or nil.
func Take(s Subject, first *View) (*View, error) {
	space, err := newSpace(s.Memory, s.Symbols)
	if err != nil {
		return nil, err
	}
	r := &reader{space: space, layout: s.Layout}
	v := &View{Switches: make(map[string]uint32), Tracepoints: make(map[string]tracepoint)}
	for _, part := range []func() error{
		func() (err error) { v.Taint, err = r.variable("tainted_mask"); return err },
		func() (err error) { v.Modules, err = r.modules(); return err },
		func() (err error) { v.Tasks, err = r.tasks(); return err },
		func() (err error) { v.Programs, err = r.programs(); return err },
		func() error { return r.switches(v) },
		func() error { return r.tracepoints(v, s.Tracepoints) },
		func() (err error) { v.code, err = r.code(); return err },
	} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	if first != nil {
		err = r.changed(v, first, s.Name)
	}
	return v, err
}

// variable reads a variable of eight bytes.
func (r *reader) variable(name string) (uint64, error) {
	at := r.symbols(name)
	if at == 0 {
		return 0, r.lacks(name)
	}
	return r.word(at)
}

func (r *reader) switches(v *View) error {
	for _, s := range switches {
		at := r.symbols(s.name)
		if at == 0 {
			continue // built without it
		}
		data, err := r.read(at, s.bytes)
		if err != nil {
			return err
		}
		v.Switches[s.name] = binary.LittleEndian.Uint32(append(data, 0, 0, 0))
	}
	return nil
}

// tracepointFunc is the size of struct tracepoint_func, in bytes: func, data, prio.
const (
	tracepointFunc = 24
	maxFuncs       = 64
)

// tracepoints notes what the tracepoints call.
func (r *reader) tracepoints(v *View, names []string) error {
	for _, name := range names {
		at := r.symbols(tracepointVariable + name)
		if at == 0 || !r.layout.has("tracepoint.funcs", "tracepoint.key", "static_key.enabled") {
			continue
		}
		enabled, err := r.word(at + uint64(r.layout["tracepoint.key"]+r.layout["static_key.enabled"]))
		if err != nil {
			return err
		}
		t := tracepoint{Enabled: int32(enabled) > 0, Direct: true}
		if t.Calls, err = r.called(at + uint64(r.layout["tracepoint.funcs"])); err != nil {
			return err
		}
		// A tracepoint is a static call: of its only function, else of what calls all of them.
		if key := r.symbols(keyName + "tp_func_" + name); key != 0 {
			function, err := r.word(key)
			if err != nil {
				return err
			}
			t.Direct = function != 0 && (function == r.symbols(tracepointIterator+name) ||
				len(t.Calls) == 1 && function == t.Calls[0][0])
		}
		v.Tracepoints[name] = t
	}
	return nil
}

// called are the functions of a tracepoint with their data, sorted, without stubs of what was removed.
func (r *reader) called(pointer uint64) ([][2]uint64, error) {
	at, err := r.word(pointer)
	if err != nil || at == 0 {
		return nil, err
	}
	stub := r.symbols("tp_stub_func")
	var list [][2]uint64
	for range maxFuncs {
		call, err := r.words(at, 0, 8)
		if err != nil {
			return nil, err
		}
		if call[0] == 0 {
			break
		}
		if call[0] != stub {
			list = append(list, [2]uint64(call))
		}
		at += tracepointFunc
	}
	slices.SortFunc(list, func(a, b [2]uint64) int {
		return slices.Compare(a[:], b[:])
	})
	return list, nil
}
