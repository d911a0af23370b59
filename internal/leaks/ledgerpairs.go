// SPDX-License-Identifier: MIT

package leaks

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// label is what a pair's thing is called.
type label struct {
	name, next string
	pages      bool // its size is a number of pages
}

// opened is a call of a pair's function that has not returned yet.
type opened struct {
	function string
	thing    thing
	how      entry
	counts   bool // a module called
	site     string
}

const (
	maxOpen  = 64 // calls in one another
	pageSize = 4096
	// Where the kernel keeps the descriptions of pages, and where it maps them, without KASLR.
	pageStructs, pageStructsEnd = 0xffffea0000000000, 0xffffeb0000000000
	pageStruct                  = 64
	directMap                   = 0xffff888000000000
)

// address returns the address of the page that a struct page describes, anything else as it is: what is taken as a page
// may be given back by its address, and the other way round.
func address(ptr uint64) uint64 {
	if ptr >= pageStructs && ptr < pageStructsEnd {
		return directMap + (ptr-pageStructs)/pageStruct*pageSize
	}
	return ptr
}

// addPair enters a record of a probe at a pair's function.
func (l *Ledger) addPair(pid string, at uint64, p *Pair, action, text string, f map[string]string) {
	kind := p.Kind()
	t := thing{kind: kind, ptr: address(hex(f["ptr"])), and: hex(f["and"])}
	switch action {
	case take, end, inner:
		if m := returned.FindStringSubmatch(text); m != nil {
			l.addReturn(pid, at, p, action, m[1], m[2], t, f)
		} else if m := inside.FindStringSubmatch(text); m != nil && action == end {
			l.addEnding(pid, p, m[1], f)
		}
	case begin, hold, give:
		m := inside.FindStringSubmatch(text)
		if m == nil {
			return
		}
		function := functionOf(m[1])
		how, counts := l.caller(f["site"], function, at)
		if action == begin && counts {
			l.called(pid, function, how.place)
		}
		switch {
		case action == give:
			l.freePair(p, t.ptr, how, f["site"], function)
			if !p.Own || counts || l.mayJump(f["site"], function) {
				l.give(t)
			}
		case action == hold && counts:
			l.take(t, sized(how, f))
		case action == begin:
			l.open[pid] = append(l.open[pid], opened{function, t, sized(how, f), counts, f["site"]})
			l.open[pid] = l.open[pid][max(len(l.open[pid])-maxOpen, 0):]
		}
	}
}

// sized adds what a record says of a thing's size and names.
func sized(how entry, f map[string]string) entry {
	how.bytes = hex(f["size"])
	if order, ok := f["order"]; ok {
		how.bytes, how.label.pages = pageSize<<(hex(order)%64), true
	}
	how.label.name, how.label.next = strings.Trim(f["name"], `"`), strings.Trim(f["next"], `"`)
	return how
}

// addReturn enters the return of a pair's function, to site.
func (l *Ledger) addReturn(
	pid string, at uint64, p *Pair, action, site, function string, t thing, f map[string]string,
) {
	stack := l.open[pid]
	switch action {
	case take:
		how, counts := l.caller(site, function, at)
		if counts {
			l.called(pid, function, how.place)
		}
		if counts && valid(t.ptr) {
			l.take(t, how)
		}
		return
	case inner:
		// The first is the thing; it may take others for itself, as a socket of MPTCP does.
		if i := len(stack) - 1; i >= 0 && stack[i].thing.kind == t.kind && stack[i].thing.ptr == 0 {
			stack[i].thing.ptr = t.ptr
		}
		return
	}
	for i, call := range slices.Backward(stack) {
		if call.function == function && call.thing.kind == t.kind {
			l.open[pid] = stack[:i]
			l.ended(p, call, f)
			return
		}
	}
}

// addEnding enters that a module's call at site of a pair's function has returned. A begin of the same call without an
// end is of a call that was never traced to its end, and older.
func (l *Ledger) addEnding(pid string, p *Pair, site string, f map[string]string) {
	for i, call := range slices.Backward(l.open[pid]) {
		if call.site == site && call.thing.kind == p.Kind() {
			l.open[pid] = l.open[pid][:i]
			l.ended(p, call, f)
			return
		}
	}
}

// ended enters what a call of a pair's function returned.
func (l *Ledger) ended(p *Pair, call opened, f map[string]string) {
	if !call.counts {
		return
	}
	number, _ := strconv.ParseInt(f["ret"], 10, 64)
	taken := false
	switch p.ok(call.function) {
	case '0':
		taken = f["ret"] == "0"
	case '+':
		if taken = f["ret"] != "" && number >= 0; number > 0 {
			call.thing.ptr = uint64(number)
		}
	case '*':
		call.thing.ptr = address(hex(f["ret"]))
		taken = valid(call.thing.ptr)
	case 'p':
		taken = valid(hex(f["ret"]))
	}
	if taken && call.thing.ptr != 0 {
		l.take(call.thing, call.how)
	}
}

// valid reports whether a pointer is neither null nor an error.
func valid(ptr uint64) bool { return ptr != 0 && -ptr > maxErrno }

// ok returns the mark of what a function returns if it succeeds.
func (p *Pair) ok(function string) byte {
	base := strings.TrimSuffix(function, "_noprof")
	for _, f := range p.takes() {
		if f.name == base {
			return f.ok
		}
	}
	return 0
}

// caller returns the place in a module from which a function of the kernel was called, and whether it was a module.
// site is where the call returns to. If a module's last call is a jump, that is the module's own caller: then it is the
// one function of a module with such a jump, if there is just one that this caller may have called.
func (l *Ledger) caller(site, function string, at uint64) (entry, bool) {
	p := place(site, at)
	if p.inModule() {
		return entry{place: p}, true
	}
	if !callers.MatchString(site) {
		return entry{}, false
	}
	when := calledAt(site)
	jumps := l.jumps(function, when)
	if len(jumps) == 0 && when != Meanwhile { // init or exit may have jumped to a function that jumped in turn
		jumps = l.jumps(function, Meanwhile)
	}
	if len(jumps) > 1 {
		jumps = slices.DeleteFunc(jumps, func(t Tail) bool { return !t.Planned })
	}
	if len(jumps) != 1 {
		return entry{}, false
	}
	return entry{place: Place{Name: jumps[0].Site, Module: jumps[0].Module, AtNS: at}, jump: true}, true
}

// jumps are the functions that may have left with a jump to a function of the kernel, of those that are called at some
// time of a module's life.
func (l *Ledger) jumps(function string, when When) (jumps []Tail) {
	for _, t := range l.plan.Tails[function] {
		if t.When == when && !slices.Contains(jumps, t) {
			jumps = append(jumps, t)
		}
	}
	return jumps
}

// doubts reports whether a thing may be that of a module that is not under study.
func (l *Ledger) doubts(t entry) bool { return t.jump && l.Others }

// calledAt says when a function of the kernel calls a module's.
func calledAt(site string) When {
	switch {
	case strings.HasPrefix(site, "do_one_initcall"):
		return AtInit
	case strings.HasPrefix(site, "__") && strings.Contains(site, "delete_module"):
		return AtExit
	}
	return Meanwhile
}

// mayJump reports whether a call that returns to the kernel may be the last one of some module's function: which of the
// kernel's functions call back into modules is not known, but who calls their init and exit functions is; these may
// jump to other functions of the module in turn.
func (l *Ledger) mayJump(site, function string) bool {
	when := calledAt(site)
	return slices.ContainsFunc(l.plan.Tails[function], func(t Tail) bool { return t.When == when || t.When == Meanwhile })
}

// naming is a call that created something with a name.
type naming struct {
	function string // of the kernel; "" if the probe is in the module
	place    Place
}

// addName enters a call that creates something with a name. A probe in the module is at the call itself.
func (l *Ledger) addName(name, text string, site Place, at uint64) {
	m := inside.FindStringSubmatch(text)
	if m == nil || len(l.names) == maxHeld {
		return
	}
	how := naming{place: site}
	if how.function, _, _ = strings.Cut(m[1], "+"); !site.known() {
		how = naming{place: after(place(m[1], at))}
	}
	l.names[name] = append(l.names[name], how)
}

// remover is a function that gives back what others, whose names begin alike, have made.
type remover struct {
	made, undo string
	device     bool // it is a number of devices, and no file
}

// removers give back what is found by its name, by the functions that make it; the first that fits.
var removers = []remover{
	{"register_chrdev_region", "unregister_chrdev_region", true},
	{"alloc_chrdev_region", "unregister_chrdev_region", true},
	{"__register_chrdev", "unregister_chrdev", true}, {"register_blkdev", "unregister_blkdev", true},
	{"__register_blkdev", "unregister_blkdev", true}, {"proc_", "remove_proc_entry", false},
	{"debugfs_", "debugfs_remove", false},
	{"class_create", "class_destroy", false}, {"__class_create", "class_destroy", false}, {"", "kobject_put", false},
}

// Made adds to names that were left behind the place where the modules created them. What is found by its name is not
// claimed a second time.
func (l *Ledger) Made(left []result.Leftover, modules []string, name Namer) {
	for i := range left {
		for _, how := range l.names[lastPart(left[i].What)] {
			site, module := how.place.resolve(name)
			r := slices.IndexFunc(removers, func(r remover) bool { return strings.HasPrefix(how.function, r.made) })
			if slices.Contains(modules, module) && r >= 0 && removers[r].device == (left[i].Kind == "device") {
				left[i].Site, left[i].Undo = site, removers[r].undo
			}
		}
	}
	for i := range Pairs {
		if Pairs[i].Shows != "" && !l.Overrun {
			l.show(&Pairs[i], left, modules, name)
		}
	}
}

func lastPart(what string) string { return what[strings.LastIndexAny(what, "/ ")+1:] }

// show joins names that were left behind with the things of a pair that were not given back.
func (l *Ledger) show(p *Pair, left []result.Leftover, modules []string, name Namer) {
	var names []string // different ones, in which a thing may show several times
	for _, n := range left {
		if p.shows(n.What) && (n.Site == "" || !p.Listed) && !slices.Contains(names, lastPart(n.What)) {
			names = append(names, lastPart(n.What))
		}
	}
	var things []thing
	var sites []string
	undo := Undo{}
	for _, key := range l.order {
		for _, t := range l.held[key] {
			if site, module := t.place.resolve(name); t.kind == p.Kind() && slices.Contains(modules, module) && !l.doubts(t) {
				things, sites, undo = append(things, key), append(sites, site), l.plan.Undo[undoKey(module, t.kind)]
			}
		}
	}
	one := len(slices.Compact(slices.Clone(sites))) == 1
	if len(names) == 0 || len(things) == 0 || !one && len(names) != len(things) {
		return // which is whose is not known
	}
	for i := range left {
		if n := slices.Index(names, lastPart(left[i].What)); p.shows(left[i].What) && n >= 0 {
			if left[i].Site != "" {
				continue // its name says more
			}
			left[i].Site = sites[min(n, len(sites)-1)]
			left[i].Undo, left[i].NoUndo = undo.Name, undo.Name != "" && !undo.Imported
		}
	}
	for i := range things[:min(len(names), len(things))] {
		l.shown[things[i]] = true
	}
}

func (p *Pair) shows(what string) bool {
	return slices.ContainsFunc(strings.Fields(p.Shows), func(pattern string) bool {
		ok, err := path.Match(pattern, what)
		return ok && err == nil
	})
}
