// SPDX-License-Identifier: MIT

// Package leaks keeps the allocation ledger of modules: what they take and give back
// of memory, references, timers and work items, from the text of the guest's own
// kernel trace (tracefs), and of files, devices and threads, from two lists of their
// names. It also says what must be traced for that. It is pure. The text comes from
// a guest that is not trusted: any bytes give a bounded answer.
package leaks

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

const (
	maxHeld  = 1 << 20 // open entries in a ledger
	maxLeaks = 64      // reported leaks
	maxErrno = 4095    // of an error that is returned as a pointer
	zeroSize = 16      // ZERO_SIZE_PTR, which kmalloc(0) returns
)

// Place is a call site: named by the kernel while its module was loaded, or else an
// address, and the time at which a module was loaded there.
type Place struct {
	Name   string // function+0x1 [module]
	Addr   uint64
	AtNS   uint64
	Module string
}

// entry is something that was taken and not given back yet.
type entry struct {
	place Place
	kind  string // mem, pid, task, timer, hrtimer, work; or that of a pair
	bytes uint64
	calls Place // the function of a timer or work item
	label label // of a pair
	idle  bool  // a timer or work item that is not armed now, but has a place
	jump  bool  // whose call it was follows only from which modules have such a jump
}

// counted reports whether one thing of a kind can be taken several times.
func counted(kind string) bool {
	p := pairOf[kind]
	return kind == "pid" || kind == "task" || p != nil && p.Counted
}

// thing is an object that can be taken.
type thing struct {
	kind string
	ptr  uint64
	and  uint64 // what else identifies a pair's thing
}

// Ledger is the record of what the modules took and gave back, according to a trace.
type Ledger struct {
	plan  *Plan
	held  map[thing][]entry
	order []thing // in which they were first taken
	asked map[string]uint64
	// ending holds what a task has begun to disarm, by the task and the kind. Old recordings need it.
	ending map[string]uint64
	runs   map[string]thing    // the timer or work item whose function each task called last
	waited map[thing]bool      // timers and work items whose functions were waited for when they were disarmed
	dead   map[uint64]bool     // tasks that have ended and are not freed
	names  map[string][]naming // where the objects of that name were created
	open   map[string][]opened // calls of pairs that have not returned, by the task
	calls  map[callBy]calledFrom
	shown  map[thing]bool     // found as a name, too
	freed  map[uint64]freedAt // memory that modules freed, by its address
	twice  []uint64           // addresses that were freed twice
	n      int
	irq    bool    // the record that is entered was made in an interrupt
	ran    []Place // timer functions that were called, in the order of time
	trace  []byte  // from which it was read
	// Overrun means that the kernel's buffer was too small, so that what is still held
	// is unknown.
	Overrun bool
	// Others means that modules which are not under study were loaded meanwhile, and stay: a call that returns to the
	// kernel may be theirs.
	Others bool
}

var (
	record   = lazyregexp.New(`^.{0,40}-(\d{1,10}) +\[\d+\] +(\S+) +(\d{1,12})\.(\d{6}): (\w+): (.*)$`)
	returned = lazyregexp.New(`^\((.+?) <- (\S+)\)`)
	inside   = lazyregexp.New(`^\(([^)]+)\)`)
	field    = lazyregexp.New(`\b([a-z_]+)=(0x[0-9a-f]+|\([^)]*\)|"[^"]*"|[^ ]+)( \[[\w-]+\])?`)
	counts   = lazyregexp.New(`^# entries-in-buffer/entries-written: (\d+)/(\d+)`)
	named    = lazyregexp.New(`^"?([A-Za-z_.$][\w.$]*)(?:\+0x([0-9a-f]+)/0x[0-9a-f]+)?(?: \[([\w-]+)\])"?$` +
		`|^"?([A-Za-z_.$][\w.$]*)\+0x([0-9a-f]+)/0x[0-9a-f]+"?$`)
	probe  = lazyregexp.New(`^([a-z0-9]+)_([a-z]+)_\d+$`)
	worked = lazyregexp.New(`^work struct (?:0x)?([0-9a-f]{1,16})\b`)
)

// Read makes a ledger from the contents of tracefs' file trace.
func Read(plan *Plan, trace []byte) *Ledger {
	l := &Ledger{
		plan: plan, trace: trace, held: make(map[thing][]entry), asked: make(map[string]uint64),
		ending: make(map[string]uint64), dead: make(map[uint64]bool), names: make(map[string][]naming),
		open: make(map[string][]opened), shown: make(map[thing]bool),
		freed: make(map[uint64]freedAt), calls: make(map[callBy]calledFrom),
		runs: make(map[string]thing), waited: make(map[thing]bool), Overrun: plan.Cut,
	}
	for line := range bytes.Lines(trace) {
		line = bytes.TrimRight(line, "\n")
		if m := counts.FindSubmatch(line); m != nil && !bytes.Equal(m[1], m[2]) {
			l.Overrun = true
		}
		if m := record.FindSubmatch(line); m != nil {
			l.irq = inIRQ(m[2])
			l.add(string(m[1]), nanoseconds(m[3], m[4]), string(m[5]), string(m[6]))
		}
	}
	return l
}

// Source returns the plan and the trace that the ledger was read from.
func (l *Ledger) Source() (*Plan, []byte) { return l.plan, l.trace }

func nanoseconds(sec, usec []byte) uint64 {
	s, _ := strconv.ParseUint(string(sec), 10, 63)
	u, _ := strconv.ParseUint(string(usec), 10, 63)
	return s*1e9 + u*1e3
}

// add enters one record of the kernel's own events or of our probes.
func (l *Ledger) add(pid string, at uint64, event, text string) {
	f := fields(text)
	switch event {
	case "kmalloc", "kmalloc_node", "kmem_cache_alloc", "kmem_cache_alloc_node":
		size, _ := strconv.ParseUint(f["bytes_req"], 10, 63)
		if f["bytes_req"] != "0" { // ZERO_SIZE_PTR is nothing to free
			l.take(thing{kind: "mem", ptr: hex(f["ptr"])}, entry{place: place(f["call_site"], at), bytes: size})
		}
	case "kfree", "kmem_cache_free":
		l.give(thing{kind: "mem", ptr: hex(f["ptr"])})
		by := place(f["call_site"], at)
		if !by.inModule() {
			by = l.lastOf(f["call_site"], event, at)
		}
		l.free(hex(f["ptr"]), by, event)
	case "timer_expire_entry":
		l.run(pid, thing{kind: "timer", ptr: hex(f["timer"])})
		if len(l.ran) < maxHeld {
			l.ran = append(l.ran, place(f["function"], at))
		}
	case "hrtimer_expire_entry":
		l.run(pid, thing{kind: "hrtimer", ptr: hex(f["hrtimer"])})
	case "hrtimer_start":
		l.arm(pid, thing{kind: "hrtimer", ptr: hex(f["hrtimer"])}, entry{calls: place(f["function"], at)})
	case "workqueue_execute_start":
		if m := worked.FindStringSubmatch(text); m != nil {
			l.run(pid, thing{kind: "work", ptr: hex(m[1])})
		}
	default:
		m := probe.FindStringSubmatch(event)
		switch {
		case m == nil:
		case pairOf[m[1]] != nil:
			l.addPair(pid, at, pairOf[m[1]], m[2], text, f)
		default:
			l.addProbe(pid, at, m, text, f)
		}
	}
}

// addProbe enters a record of one of our probes, whose name says what it stands for.
func (l *Ledger) addProbe(pid string, at uint64, event []string, text string, f map[string]string) {
	kind, ptr := event[1], hex(f["ptr"])+uint64(l.plan.Shift[event[0]])
	site := place(f["site"], at)
	switch event[2] {
	case size:
		l.asked[pid] = hex(f["size"])
		if m := inside.FindStringSubmatch(text); m != nil {
			l.called(pid, m[1], site)
		}
	case take:
		asked := l.asked[pid]
		delete(l.asked, pid)
		if m := returned.FindStringSubmatch(text); m != nil && valid(ptr) {
			l.take(thing{kind: kind, ptr: ptr}, entry{place: place(m[1], at), bytes: asked})
		}
	case get:
		if m := inside.FindStringSubmatch(text); m != nil {
			l.take(thing{kind: kind, ptr: ptr}, entry{place: after(place(m[1], at))})
		}
	case made:
		if m := inside.FindStringSubmatch(text); m != nil && valid(ptr) {
			l.take(thing{kind: kind, ptr: ptr}, entry{place: place(m[1], at)})
		}
	case give:
		if kind != "pid" || fromAModule(f["site"]) {
			l.give(thing{kind: kind, ptr: ptr})
		}
	case dead:
		l.dead[ptr] = len(l.dead) < maxHeld
	case gone:
		delete(l.dead, ptr)
		for l.give(thing{kind: kind, ptr: ptr}) {
		}
	case rcu:
		l.give(thing{kind: kind, ptr: freed(hex(f["head"]), hex(f["func"]))})
	case arm:
		l.arm(pid, thing{kind: kind, ptr: ptr}, entry{place: site, calls: Place{Addr: hex(f["fn"]), AtNS: at}})
	case wait:
		l.rest(thing{kind: kind, ptr: ptr})
		if len(l.waited) < maxHeld {
			l.waited[thing{kind: kind, ptr: ptr}] = true
		}
	case off:
		l.rest(thing{kind: kind, ptr: ptr})
		if len(l.ending) < maxHeld {
			l.ending[pid+kind] = ptr
		}
	case over:
		if ptr, ok := l.ending[pid+kind]; ok {
			l.rest(thing{kind: kind, ptr: ptr})
			delete(l.ending, pid+kind)
		}
	case call:
		l.addName(strings.Trim(f["name"], `"`), text, site, at)
	}
}

// freed returns what kvfree_call_rcu frees: until 6.1 its second argument is the
// offset of the head, since then the pointer; without a head always the pointer.
func freed(head, func_ uint64) uint64 {
	if head != 0 && func_ < 4096 {
		return head - func_
	}
	return func_
}

func fields(text string) map[string]string {
	values := make(map[string]string)
	for _, m := range field.FindAllStringSubmatch(text, 16) {
		values[m[1]] = m[2] + m[3]
	}
	return values
}

func hex(s string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
	return n
}

func place(text string, at uint64) Place {
	p := Place{AtNS: at}
	m := named.FindStringSubmatch(text)
	switch {
	case m == nil:
		p.Addr = hex(text)
	case m[4] != "":
		p.Name = m[4] + "+0x" + m[5]
	case m[2] != "":
		p.Name, p.Module = fmt.Sprintf("%s+0x%s [%s]", m[1], m[2], m[3]), m[3]
	default: // a function without an offset
		p.Name, p.Module = fmt.Sprintf("%s [%s]", m[1], m[3]), m[3]
	}
	return p
}

// after turns the place of an instruction into a return address: all places of a
// ledger are return addresses.
func after(p Place) Place {
	if p.Name == "" {
		p.Addr++
		return p
	}
	name, rest, _ := strings.Cut(p.Name, "+0x")
	digits, module, ok := strings.Cut(rest, " ")
	p.Name = fmt.Sprintf("%s+0x%x", name, hex(digits)+1)
	if ok {
		p.Name += " " + module
	}
	return p
}

func (l *Ledger) take(t thing, how entry) {
	if t.kind == "mem" && t.ptr <= zeroSize {
		return // an allocation that failed, or one of no bytes
	}
	if len(l.freed[t.ptr].again) == 0 {
		delete(l.freed, t.ptr)
	}
	how.kind = t.kind
	list := l.held[t]
	if len(list) > 0 && !counted(t.kind) { // a wrapper and the function that it wraps, a timer that is armed again
		list[0] = how.or(list[0])
		return
	}
	if l.n == maxHeld {
		l.Overrun = true
		return
	}
	l.n++
	if list == nil {
		l.order = append(l.order, t)
	}
	l.held[t] = append(list, how)
}

// or fills in what an earlier entry knows of the same thing.
func (t entry) or(before entry) entry {
	if !t.place.known() || !t.place.inModule() && before.place.inModule() {
		t.place = before.place
	}
	if !t.calls.known() {
		t.calls = before.calls
	}
	t.bytes, t.label = cmp.Or(t.bytes, before.bytes), cmp.Or(t.label, before.label)
	return t
}

func (p Place) known() bool    { return p.Name != "" || p.Addr != 0 }
func (p Place) inModule() bool { return p.Module != "" || p.Addr >= moduleSpace }

// callers are the kernel's functions that call a module's: if a module's function ends
// with a tail call, that call returns to them.
var callers = lazyregexp.New(`^(?:__\w+_sys_(?:delete|init|finit)_module|do_one_initcall|do_init_module|kthread` +
	`|call_timer_fn|expire_timers|__run_timers|__hrtimer_run_queues|process_one_work)(?:\.\w+)*\+`)

func fromAModule(site string) bool {
	return place(site, 0).inModule() || strings.HasPrefix(site, "0x") || callers.MatchString(site)
}

// give removes the last entry, and reports whether there was one.
func (l *Ledger) give(t thing) bool {
	list := l.held[t]
	if len(list) == 0 {
		return false
	}
	l.held[t] = list[:len(list)-1]
	l.n--
	return true
}

// Holds reports whether the modules have not given everything back yet: a timer may
// still expire, a work item run, RCU free memory or a task. A place that the kernel
// cannot name belongs to a module that was unloaded.
func (l *Ledger) Holds(modules []string) bool {
	for _, list := range l.held {
		for _, t := range list {
			if !t.idle && (t.place.Name == "" || slices.Contains(modules, t.place.Module)) {
				return true
			}
		}
	}
	return false
}

// Left returns what the modules took and never gave back, summed up by call site.
func (l *Ledger) Left(modules []string, name Namer) []result.Leftover {
	if l.Overrun {
		return nil
	}
	sums := map[string]*sum{}
	var order []string
	for _, key := range l.order {
		for _, t := range l.held[key] {
			site, module := t.place.resolve(name)
			calls, of := t.calls.callee(name)
			if !slices.Contains(modules, module) && of != "" { // armed by the kernel, or by a tail call
				site, module = calls, of
			}
			if t.idle || l.doubts(t) || l.unseen(t.kind) || !slices.Contains(modules, module) || l.blind(key, module) {
				continue
			}
			id := fmt.Sprint(t.kind, site, t.label)
			if sums[id] == nil {
				sums[id] = &sum{kind: t.kind, site: site, calls: calls, label: t.label, undo: l.plan.Undo[undoKey(module, t.kind)]}
				order = append(order, id)
			}
			sums[id].count++
			sums[id].bytes += t.bytes
		}
	}
	var left []result.Leftover
	for _, id := range order[:min(len(order), maxLeaks)] {
		left = append(left, sums[id].leftover())
	}
	return left
}

// blind reports whether a module may have given a thing back in a way that is not
// traced. A task that has ended is freed with its last reference: that is traced.
func (l *Ledger) blind(t thing, module string) bool {
	switch {
	case t.kind == "mem" && (l.plan.NoMem[module] || l.plan.Hashed && l.plan.RCUMem[module]),
		t.kind == "task" && l.plan.Opaque[module] && !l.dead[t.ptr]:
		return true
	}
	if l.plan.Unloading && !later(t.kind) {
		return true
	}
	if l.plan.Early && !early(t.kind) {
		return true
	}
	p := pairOf[t.kind]
	return p != nil && (p.Listed || l.shown[t] || p.In && t.ptr >= moduleSpace || l.plan.Moot[undoKey(module, t.kind)])
}

// early reports whether a kind of thing is claimed although a crash cut the wait after the unload short. What is
// registered, or armed with a function that is gone, is wrong at once; the rest may still have been given back.
func early(kind string) bool {
	p := pairOf[kind]
	return later(kind) || p != nil && p.Class == registration
}

func (p Place) resolve(name Namer) (site, module string) {
	if p.Name != "" || p.Addr == 0 {
		return p.Name, p.Module
	}
	return name(p.Addr, p.AtNS)
}

// callee names a function that is called: p is its beginning, not a return address.
func (p Place) callee(name Namer) (function, module string) {
	if p.Name == "" && p.Addr != 0 {
		p.Addr++
	}
	site, module := p.resolve(name)
	function, _, _ = strings.Cut(site, "+0x")
	if module != "" && !strings.HasSuffix(function, "]") {
		function += " [" + module + "]"
	}
	return function, module
}

type sum struct {
	kind, site, calls string
	label
	count, bytes uint64
	undo         Undo
}

// leftover says in words what was left behind: "24 bytes in 2 allocations", "a timer
// that is still armed, for tick [m]".
func (s *sum) leftover() result.Leftover {
	l := result.Leftover{Site: s.site, Undo: s.undo.Name, NoUndo: s.undo.Name != "" && !s.undo.Imported}
	if p := pairOf[s.kind]; p != nil {
		l.Kind, l.What = p.Class, p.says(s)
		return l
	}
	switch s.kind {
	case "mem":
		l.Kind, l.What = "memory", s.memory()
	case "pid", "task":
		l.Kind, l.What = "reference", s.number("a reference to a "+s.kind, "references to a "+s.kind)
	case "work":
		l.Kind, l.What = "work", s.number("a work item that is still queued", "work items that are still queued")
	default:
		l.Kind, l.What = "timer", s.number("a timer that is still armed", "timers that are still armed")
	}
	if s.calls != "" {
		l.What += ", for " + s.calls
	}
	return l
}

func (s *sum) memory() string {
	what := fmt.Sprintf("%d bytes", s.bytes)
	switch {
	case s.bytes == 0: // the size was not traced
		what = "memory"
	case s.bytes == 1:
		what = "1 byte"
	}
	if s.count > 1 {
		what += fmt.Sprintf(" in %d allocations", s.count)
	}
	return what
}

func (s *sum) number(one, many string) string {
	if s.count == 1 {
		return one
	}
	return fmt.Sprintf("%d %s", s.count, many)
}
