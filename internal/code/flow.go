// SPDX-License-Identifier: MIT

package code

import (
	"bytes"
	"debug/elf"
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// Flow is what the code after a place can do.
type Flow struct {
	// Endless says that no path from there leaves the function: it loops for ever.
	Endless bool
	// Loops says that a path from there leads there again. The rest is about the code between.
	Loops bool
	// Counts says that it may count its rounds, or the time: then it may end by itself. It is true if that is unknown.
	Counts bool
	// Unseen says that it may count in memory, or that it looks at the clock: then the registers need not change.
	Unseen bool
	// Calls are the functions that it calls, sorted, and Always those of them that each way round calls, as far as they
	// are stateless.
	Calls, Always []string
}

// Flow follows the code from an offset of a function, which is where a call returns to or an instruction. ok is false
// if the code cannot be followed.
func (m *Module) Flow(name string, offset uint64) (flow Flow, ok bool) {
	f, ok := m.function(name, offset)
	if !ok {
		return Flow{}, false
	}
	w := m.walk(f, f.at+offset, 0)
	if w.unknown {
		return Flow{}, false
	}
	flow.Endless = !w.leaves
	from := place{f.section, f.at + offset}
	round := w.round(from, "")
	flow.Loops = len(round) > 0
	keep := false
	for _, at := range round {
		s := w.steps[at]
		flow.Counts = flow.Counts || s.counts
		flow.Unseen = flow.Unseen || s.unseen
		keep = keep || keeps(s.inst)
		if s.call != "" && !slices.Contains(flow.Calls, s.call) {
			flow.Calls = append(flow.Calls, s.call)
		}
	}
	flow.Unseen = flow.Unseen || keep && flow.Counts
	flow.Counts = flow.Counts || w.follows(round)
	slices.Sort(flow.Calls)
	for _, name := range flow.Calls {
		if Stateless(name) && w.round(from, name) == nil {
			flow.Always = append(flow.Always, name)
		}
	}
	return flow, true
}

// Jumps are the calls at a function's end that became jumps.
func (m *Module) Jumps(name string) []Jump {
	f, ok := m.function(name, 0)
	if !ok {
		return nil
	}
	w := m.walk(f, f.at, 0)
	var jumps []Jump
	for at, s := range w.steps {
		if s.jump != "" && at.section == f.section && at.at >= f.at && at.at < f.end {
			jumps = append(jumps, Jump{Callee: s.jump, Offset: m.prepares(f, at.at) - f.at})
		}
	}
	slices.SortFunc(jumps, func(a, b Jump) int { return int(int64(a.Offset) - int64(b.Offset)) })
	return jumps
}

// prepares is the last instruction before a jump that belongs to the call and not to the function's end, for which the
// compiler names another line; the jump itself if there is none.
func (m *Module) prepares(f function, jump uint64) uint64 {
	data := m.sections[f.section].data
	found := jump
	for at := f.at; at < jump; {
		if n := skip(data[at:]); n > 0 {
			at += n
			continue
		}
		inst, err := x86asm.Decode(data[at:min(uint64(len(data)), at+15)], 64)
		if err != nil || inst.Len == 0 {
			return jump
		}
		switch {
		case inst.Op == x86asm.CALL || inst.Op == x86asm.JMP || conditional(inst.Op):
			found = jump
		case inst.Op == x86asm.MOV || inst.Op == x86asm.LEA || inst.Op == x86asm.XOR:
			found = at
		}
		at += uint64(inst.Len)
	}
	return found
}

// place is an instruction's.
type place struct {
	section elf.SectionIndex
	at      uint64
}

// step is one instruction.
type step struct {
	next   []place
	call   string // the function that it calls
	jump   string // the function to which it leaves
	counts bool
	unseen bool   // as in Flow
	size   uint64 // of a jump
	inst   x86asm.Inst
}

// walker follows a function's code.
type walker struct {
	m       *Module
	f       function
	depth   int
	steps   map[place]*step
	leaves  bool // a path leaves the function
	unknown bool // some path cannot be followed
}

const (
	maxSteps = 20000 // instructions of one function
	maxDepth = 4     // of functions that call each other
)

func (m *Module) walk(f function, from uint64, depth int) *walker {
	w := &walker{m: m, f: f, depth: depth, steps: make(map[place]*step)}
	pending := []place{{f.section, from}}
	for len(pending) > 0 && !w.unknown {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if w.steps[at] != nil {
			continue
		}
		if !w.inside(at) { // past its end, or into something else
			w.leaves = true
			continue
		}
		if len(w.steps) == maxSteps {
			w.unknown = true
			break
		}
		s := w.step(at)
		if to, ok := w.m.branches[at]; ok {
			s.next = append(s.next, to)
			if s.size > 0 { // a jump that the kernel may take away
				s.next = append(s.next, place{at.section, at.at + s.size})
			}
		}
		w.steps[at] = s
		pending = append(pending, s.next...)
	}
	return w
}

// inside reports whether a place is in the function, or in the part of it that the compiler moved away.
func (w *walker) inside(p place) bool {
	if p.section == w.f.section && p.at >= w.f.at && p.at < w.f.end {
		return true
	}
	own, ok := w.m.owner(p.section, p.at)
	return ok && own.name == w.f.name+".cold"
}

// step reads one instruction.
func (w *walker) step(p place) *step {
	data := w.m.sections[p.section].data[p.at:]
	if n := skip(data); n > 0 {
		return &step{next: []place{{p.section, p.at + n}}}
	}
	inst, err := x86asm.Decode(data[:min(len(data), 15)], 64)
	if err != nil || inst.Len == 0 {
		w.unknown = true
		return new(step)
	}
	after := place{p.section, p.at + uint64(inst.Len)}
	switch {
	case inst.Op == x86asm.CALL:
		return w.call(p, inst, after)
	case inst.Op == x86asm.JMP:
		return w.jump(p, inst, after)
	case conditional(inst.Op):
		s := &step{next: []place{after}}
		if to, name := w.target(p, inst, after); name == "" {
			s.next = append(s.next, to)
		} else {
			w.leaves, s.jump = true, name
		}
		return s
	case inst.Op == x86asm.RET || inst.Op == x86asm.LRET || inst.Op == x86asm.IRETQ || inst.Op == x86asm.SYSRET:
		w.leaves = true
		return new(step)
	}
	clock := w.readsClock(p, inst)
	return &step{next: []place{after}, counts: counts(inst) || clock, unseen: clock || countsInMemory(inst), inst: inst}
}

// skip is the length of an instruction that the decoder does not know and that changes nothing that matters here.
func skip(data []byte) uint64 {
	endbr64, clac, stac := []byte{0xf3, 0x0f, 0x1e, 0xfa}, []byte{0x0f, 0x01, 0xca}, []byte{0x0f, 0x01, 0xcb}
	for _, known := range [][]byte{endbr64, clac, stac} {
		if bytes.HasPrefix(data, known) {
			return uint64(len(known))
		}
	}
	return 0
}

func conditional(op x86asm.Op) bool {
	switch op {
	case x86asm.LOOP, x86asm.LOOPE, x86asm.LOOPNE:
		return true
	}
	name := op.String()
	return strings.HasPrefix(name, "J") && op != x86asm.JMP
}

// target is where a jump goes: a place, or the name of a function that is not part of this one.
func (w *walker) target(p place, inst x86asm.Inst, after place) (place, string) {
	rel, ok := inst.Args[0].(x86asm.Rel)
	if !ok {
		w.unknown = true
		return place{}, "?"
	}
	operand := after.at - uint64(inst.PCRel)
	if inst.PCRel == 0 {
		operand = after.at - 4
	}
	to := place{p.section, after.at + uint64(int64(rel))}
	if inst.PCRelOff > 0 {
		operand = p.at + uint64(inst.PCRelOff)
	}
	if t, ok := w.m.sections[p.section].relocs[operand]; ok {
		if t.name != "" {
			return place{}, t.name
		}
		to = place{t.section, t.at + 4}
	}
	if w.inside(to) {
		return to, ""
	}
	own, _ := w.m.owner(to.section, to.at)
	if own.name == "" {
		return place{}, "?"
	}
	return place{}, own.name
}

func (w *walker) jump(p place, inst x86asm.Inst, after place) *step {
	if _, direct := inst.Args[0].(x86asm.Rel); !direct {
		w.unknown = true
		return new(step)
	}
	to, name := w.target(p, inst, after)
	if name == "" {
		return &step{next: []place{to}, size: uint64(inst.Len)}
	}
	if strings.HasPrefix(name, "__x86_indirect_thunk") { // a table of places, or a function that is not known
		w.unknown = true
		return new(step)
	}
	w.leaves = true
	if name == "__x86_return_thunk" || name == "?" {
		return new(step)
	}
	return &step{jump: name}
}

func (w *walker) call(p place, inst x86asm.Inst, after place) *step {
	s := &step{next: []place{after}}
	if _, direct := inst.Args[0].(x86asm.Rel); !direct {
		s.counts = true // whatever it does
		return s
	}
	s.call = w.m.targetName(p.section, p.at)
	switch {
	case slices.Contains(ends, s.call):
		w.leaves, s.next = true, nil
	case strings.HasPrefix(s.call, "schedule_timeout"):
		s.counts = !constant(w.m.sections[p.section].data, p.at)
	case slices.Contains(stateless, s.call):
	default:
		w.local(s)
	}
	return s
}

// local notes whether the function that a step calls may count something, and if it may end its task. A function of the
// kernel that is not in the table may count.
func (w *walker) local(s *step) {
	f, ok := w.m.function(s.call, 0)
	if !ok || w.depth == maxDepth {
		s.counts, s.unseen = true, isClock(s.call)
		return
	}
	in := w.m.walk(f, f.at, w.depth+1)
	s.counts = in.unknown
	for _, inner := range in.steps {
		s.counts = s.counts || inner.counts
		s.unseen = s.unseen || inner.unseen
		if !in.unknown && slices.Contains(exits, inner.call) {
			w.leaves = true
		}
	}
}

// constant reports whether the instruction before a call sets its first argument to a number: a time that does not
// shrink from round to round.
func constant(data []byte, at uint64) bool {
	const size = 5
	return at >= size && data[at-size] == 0xbf // mov $number,%edi
}

// readsClock reports whether an instruction reads the kernel's clock.
func (w *walker) readsClock(p place, inst x86asm.Inst) bool {
	code := w.m.sections[p.section]
	for i := range inst.Len {
		if t, ok := code.relocs[p.at+uint64(i)]; ok && strings.HasPrefix(t.name, "jiffies") {
			return true
		}
	}
	return inst.Op == x86asm.RDTSC || inst.Op == x86asm.RDTSCP
}

// counts reports whether an instruction can make a register or a variable grow or shrink from round to round.
func counts(inst x86asm.Inst) bool {
	switch inst.Op {
	case x86asm.ADD, x86asm.SUB, x86asm.INC, x86asm.DEC, x86asm.ADC, x86asm.SBB, x86asm.XADD, x86asm.NEG,
		x86asm.SHL, x86asm.SHR, x86asm.SAR, x86asm.ROL, x86asm.ROR, x86asm.IMUL, x86asm.MUL, x86asm.DIV, x86asm.IDIV,
		x86asm.MOVSB, x86asm.MOVSW, x86asm.MOVSD, x86asm.MOVSQ, x86asm.STOSB, x86asm.STOSD, x86asm.STOSQ:
		return inst.Args[0] != x86asm.RSP
	case x86asm.LEA:
		m, ok := inst.Args[1].(x86asm.Mem)
		frame := m.Base == x86asm.RBP && m.Index == 0 && m.Disp < 0 // of a kernel with frame pointers
		return !ok || m.Base != x86asm.RIP && m.Base != x86asm.RSP && !frame
	}
	return false
}

// round are the places on the way from a place back to it, none if there is no such way. It does not lead through calls
// of the function without, if that is one.
func (w *walker) round(from place, without string) []place {
	before := make(map[place][]place)
	for at, s := range w.steps {
		if s.call != "" && s.call == without {
			continue
		}
		for _, next := range s.next {
			before[next] = append(before[next], at)
		}
	}
	seen := make(map[place]bool)
	pending := slices.Clone(before[from])
	for len(pending) > 0 {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if !seen[at] {
			seen[at] = true
			pending = append(pending, before[at]...)
		}
	}
	if !seen[from] {
		return nil
	}
	list := make([]place, 0, len(seen))
	for at := range seen {
		list = append(list, at)
	}
	return list
}
