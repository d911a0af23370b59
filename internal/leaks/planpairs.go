// SPDX-License-Identifier: MIT

package leaks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Tail is a module's function whose last call is a jump to a kernel's function, which then seems to be called by
// whoever called the module.
type Tail struct {
	Module, Site string
	When         When
	Planned      bool // the run will load the module
}

// Undo is the function with which a module gives a thing back.
type Undo struct {
	Name     string
	Imported bool // the module imports it, or another one with that effect
}

// trimmed is a function's name without the suffix that it has since 6.10.
func trimmed(name string) string { return strings.TrimSuffix(name, "_noprof") }

func undoKey(module, kind string) string { return module + " " + kind }

// CallsWanted reports whether the places matter from which modules call a function of the kernel.
func CallsWanted(name string) bool {
	base := strings.TrimSuffix(name, "_noprof")
	return roleOf[base] || slices.Contains(frees, base) || allocators.MatchString(base) ||
		slices.Contains(libraryTakes, base) || slices.Contains(libraryNames, base)
}

// roleOf has the functions of all pairs.
var roleOf = func() map[string]bool {
	names := make(map[string]bool)
	for i := range Pairs {
		for _, f := range slices.Concat(Pairs[i].takes(), Pairs[i].gives()) {
			names[f.name] = true
		}
	}
	return names
}()

// The kernel's lib folder is built without ftrace, so tracefs takes no probe in its functions. Their calls are probed
// in the module.
var (
	// libraryTakes return memory that kfree frees sooner or later.
	libraryTakes = []string{
		"kasprintf", "kvasprintf", "bitmap_alloc", "bitmap_zalloc", "bitmap_alloc_node", "bitmap_zalloc_node", "argv_split",
		"match_strdup", "gen_pool_create",
	}
	// libraryShift is where the memory begins, from what they return: argv_free frees the pointer before the first word.
	libraryShift = map[string]int64{"argv_split": -8}
	// libraryNames make something of the name that is their first argument.
	libraryNames = []string{"kobject_create_and_add", "kset_create_and_add"}
)

// made is what the instruction after a call of libraryTakes does: the function has returned a thing.
const made = "made"

// library sets probes at the modules' own calls of the functions of the lib folder.
func (d *draft) library(modules []Module) {
	for _, m := range modules {
		for _, c := range m.Calls {
			base := strings.TrimSuffix(c.Function, "_noprof")
			if c.Notrace || c.Jump || c.Edge {
				continue
			}
			switch {
			case slices.Contains(libraryTakes, base):
				event := d.event("mem", made)
				d.plan.Shift[event] = libraryShift[base]
				d.inModule(event, m.Name, c.Symbol, c.Offset, "ptr=%ax")
			case slices.Contains(libraryNames, base):
				d.inModule(d.event("name", call), m.Name, c.Symbol, c.Offset-callSize, "name=+0(%di):string")
			}
		}
	}
}

// inModule defines a probe at an instruction of a module. The module is not loaded yet: the probe waits for it.
func (d *draft) inModule(event, module, symbol string, offset uint64, args string) {
	d.defined = append(d.defined, Setting{Path: Tracing + "/kprobe_events", Append: true, May: true,
		Value: fmt.Sprintf("p:%s/%s %s:%s+%d %s\n", group, event, module, symbol, offset, args)})
}

// pairs sets probes at the functions of the pairs of which the modules take something.
func (d *draft) pairs(modules []Module) {
	if d.has == nil {
		return
	}
	for _, m := range modules {
		for _, c := range m.Calls {
			if base := trimmed(c.Function); c.Jump && (roleOf[base] || slices.Contains(frees, base)) {
				site := fmt.Sprintf("%s+0x%x [%s]", c.Symbol, c.Offset, m.Name)
				d.plan.Tails[c.Function] = append(d.plan.Tails[c.Function], Tail{m.Name, site, c.When, m.Planned})
			}
		}
	}
	for i := range Pairs {
		d.pair(&Pairs[i], modules)
		for _, m := range modules {
			d.judgeable(&Pairs[i], m)
		}
	}
	d.unchecked(modules)
}

// actual returns the name that a function has in the kernel, none if it has no such function.
func (d *draft) actual(name string) string {
	for _, n := range []string{name, name + "_noprof"} {
		if d.has(n) {
			return n
		}
	}
	return ""
}

// pair sets probes at a pair's functions if the modules import one that takes.
func (d *draft) pair(p *Pair, modules []Module) {
	kind, taken := p.Kind(), false
	for _, f := range p.takes() {
		if _, imported := d.named[f.name]; !imported || d.actual(f.name) == "" {
			continue
		}
		d.taking(kind, &f, modules)
		taken = true
	}
	if !taken {
		return
	}
	gives := 0
	for _, f := range p.gives() {
		if name := d.actual(f.name); name != "" {
			gives++
			d.define("p", d.event(kind, give), name, f.fetch(), false)
		}
	}
	if gives == 0 {
		d.plan.Unseen[kind] = true
	}
}

// taking sets the probes at a function that takes. Of two at one place the one defined last runs first, and the other
// one changes the return address.
func (d *draft) taking(kind string, f *function, modules []Module) {
	name := d.actual(f.name)
	tails := len(d.plan.Tails[name]) > 0 // then its caller seems to be the kernel
	ret := "ptr=$retval:x64"
	switch {
	case f.ok == '0' || f.ok == '+':
		ret = "ret=$retval:s32"
	case f.ok != '*' || f.entry():
		ret = "ret=$retval:x64"
	}
	switch {
	case f.ok == 0:
		d.define("p", d.event(kind, hold), name, f.fetch(), !tails)
		return
	case f.entry():
		if calls := f.endings(modules); len(calls) > 0 {
			for _, c := range calls {
				d.inModule(d.event(kind, end), c.module, c.Symbol, c.Offset, "ret=%ax:x64")
			}
		} else {
			d.define("r", d.event(kind, end), name, ret, !tails)
		}
		d.define("p", d.event(kind, begin), name, f.fetch(), !tails)
	default:
		d.define("r", d.event(kind, take), name, ret, !tails)
	}
	if f.inner != "" && d.actual(f.inner) != "" {
		d.define("r", d.event(kind, inner), d.actual(f.inner), "ptr=$retval:x64", false)
	}
}

// moduleCall is a call in a module.
type moduleCall struct {
	module string
	CallSite
}

// maxEndings bounds the probes at the calls of one function.
const maxEndings = 16

// endings are the modules' calls of a function that allocates pages, if a probe can be set behind each of them. The
// kernel panics in such a function if no memory is left, and a probe at the function's return would hide from its call
// trace who had called. Nobody can read the trace then.
func (f *function) endings(modules []Module) (calls []moduleCall) {
	if f.ok != '*' || !slices.Contains(f.args, '^') {
		return nil
	}
	for _, m := range modules {
		if !m.imports(f.name) {
			continue
		}
		before := len(calls)
		for _, c := range m.Calls {
			switch {
			case trimmed(c.Function) != f.name:
			case c.Jump || c.Notrace || len(calls) == maxEndings:
				return nil
			default:
				calls = append(calls, moduleCall{m.Name, c})
			}
		}
		if len(calls) == before {
			return nil
		}
	}
	return calls
}

// imports reports whether a module imports a function of the kernel, under the name that it has since 6.10, too.
func (m *Module) imports(name string) bool {
	return slices.Contains(m.Imports, name) || slices.Contains(m.Imports, name+"_noprof")
}

// define defines a probe. filtered ones record only calls that come from a module.
func (d *draft) define(letter, event, function, args string, filtered bool) {
	d.defined = append(d.defined, Setting{Path: Tracing + "/kprobe_events", Append: true,
		Value: letter + ":" + group + "/" + event + " " + function + " " + args + "\n"})
	switch {
	case filtered && letter == "r":
		d.filter(group+"/"+event, toModule, true, false)
	case filtered:
		d.filter(group+"/"+event, fromModule, true, false)
	}
}

// judgeable notes what a module's own imports say of a pair: how it would give the thing back, and whether it may do so
// where nothing sees it.
func (d *draft) judgeable(p *Pair, m Module) {
	if !slices.ContainsFunc(p.takes(), func(f function) bool { return m.imports(f.name) }) {
		return
	}
	key := undoKey(m.Name, p.Kind())
	name, imported := p.undo(m.imports, func(name string) bool { return d.actual(name) != "" })
	d.plan.Undo[key] = Undo{name, imported}
	if slices.ContainsFunc(strings.Fields(p.Moot), m.imports) {
		d.plan.Moot[key] = true
	}
	if imported || p.Own || p.Listed || d.plan.Moot[key] {
		return
	}
	for _, c := range m.Calls {
		if slices.ContainsFunc(p.takes(), func(f function) bool { return f.name == trimmed(c.Function) }) {
			site := fmt.Sprintf("%s+0x%x [%s]", c.Symbol, c.Offset, m.Name)
			d.plan.Unpaired = append(d.plan.Unpaired, result.Unpaired{
				Module: m.Name, What: p.what(), Function: c.Function, Undo: name, Site: site,
			})
		}
	}
}
