// SPDX-License-Identifier: MIT

package timeline

import "github.com/kmodlab/kmodlab/tracer/event"

// Load is one module's stay in the kernel.
type Load struct {
	Name      string
	By        event.Task // who called finit_module
	Loaded    uint64     // the module is in place, its init has not run yet
	InitBegin uint64
	InitEnd   uint64
	// InitRet is init's result as the loader sees it; meaningful if InitEnd is not 0.
	InitRet int64
	Freed   uint64
	FreedBy event.Task
	// Refs are the references taken and dropped, in order. If there are very many, it holds the last maxRefs, and
	// RefsBefore counts those before them.
	Refs       []Ref
	RefsBefore int
	Background bool
	// Unknown names the facts (as in the JSON of package result) that are missing because nothing could record them.
	Unknown []string
}

// Ref is one reference to a module, taken or dropped.
type Ref struct {
	At    uint64
	Put   bool
	Count uint32 // references after it, as lsmod shows them
	By    event.Task
	Site  event.Site // the caller of try_module_get, module_put and friends
}

// maxRefs bounds the references kept per load: a busy module has thousands a second.
const maxRefs = 512

// Live reports whether the init succeeded and the module was not freed.
func (l *Load) Live() bool { return l.InitEnd != 0 && l.InitRet >= 0 && l.Freed == 0 }

// OnlyRefs reports whether the trace saw neither the beginning nor the end of the module, only references to it.
func (l *Load) OnlyRefs() bool { return firstOf(l.Loaded, l.InitBegin, l.InitEnd, l.Freed) == 0 }

func (l *Load) began() uint64 {
	first := firstOf(l.Loaded, l.InitBegin, l.InitEnd, l.Freed)
	if len(l.Refs) > 0 {
		first = firstOf(first, l.Refs[0].At)
	}
	return first
}

// loadJoin joins by the address of struct module, which belongs to the module until module_free.
type loadJoin struct {
	all  []*Load
	open map[uint64]*Load
	// refused holds modules that were freed while their init had not returned yet, by address: of an init that refuses,
	// do_init_module frees the module before it returns itself.
	refused map[uint64]*Load
}

func (b *builder) addLoad(e *event.Event) {
	if e.Kind == event.ModuleInitEnd && b.loads.endRefused(e) {
		return
	}
	l := b.loads.open[e.Ptr]
	if nameless := b.loads.open[0]; l == nil && nameless != nil && nameless.Name == e.Text && nameless.OnlyRefs() {
		delete(b.loads.open, 0) // its references only told the name
		l = nameless
		b.loads.open[e.Ptr] = l
	}
	// References may be taken while a module is still coming.
	stale := l != nil && (e.Kind == event.ModuleLoaded && !l.OnlyRefs() ||
		e.Kind == event.ModuleInitBegin && l.InitBegin != 0 || e.Text != "" && l.Name != "" && l.Name != e.Text)
	if l == nil || stale {
		if e.Kind == event.ModuleInitEnd && e.Text == "" && l == nil {
			return // the end of something unknown, without even a name
		}
		l = b.loads.add(e)
	}
	switch e.Kind {
	case event.ModuleLoaded:
		l.Loaded, l.By = e.Time, e.By
	case event.ModuleInitBegin:
		setOnce(&l.InitBegin, e.Time)
	case event.ModuleInitEnd:
		if l.InitEnd == 0 {
			l.InitEnd, l.InitRet = e.Time, e.Ret
		}
	case event.ModuleFreed:
		if l.began() == 0 {
			l.By = event.Task{} // it was loaded before the trace began
		}
		l.Freed, l.FreedBy = e.Time, e.By
		delete(b.loads.open, e.Ptr)
		if l.InitBegin != 0 && l.InitEnd == 0 {
			b.loads.refused[e.Ptr] = l
		}
	}
}

// endRefused takes the end of an init whose module is freed already, and reports whether it was one.
func (j *loadJoin) endRefused(e *event.Event) bool {
	l := j.refused[e.Ptr]
	if l == nil || j.open[e.Ptr] != nil || e.Ret >= 0 {
		return false
	}
	delete(j.refused, e.Ptr)
	l.InitEnd, l.InitRet = e.Time, e.Ret
	return true
}

func (j *loadJoin) add(e *event.Event) *Load {
	l := &Load{Name: e.Text, By: e.By}
	j.all = append(j.all, l)
	j.open[e.Ptr] = l
	return l
}

// named returns the loaded module of that name, nil if none was seen.
func (j *loadJoin) named(name string) *Load {
	for _, l := range j.open {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// passing are the kernel's functions that hold a module while a kprobe is being set in it, as the search for leaks
// does: so often that they would hide all others.
var passing = map[string]bool{"register_kprobe": true, "jump_label_text_reserved": true,
	"static_call_text_reserved": true}

// moduleRef adds a reference. If the module was loaded before the trace began, whoever takes the reference is not its
// loader.
func (b *builder) moduleRef(e *event.Event) {
	site := b.resolve(e.Func, e.Time)
	if passing[site.Symbol] && site.Module == "" {
		return
	}
	l := b.loads.open[e.Ptr]
	if e.Ptr == 0 { // a classic tracepoint only tells the name
		l = b.loads.named(e.Text)
	}
	if l == nil || e.Text != "" && l.Name != "" && l.Name != e.Text {
		l = b.loads.add(e)
		l.By = event.Task{}
	}
	if len(l.Refs) == 2*maxRefs {
		l.RefsBefore += maxRefs
		l.Refs = append(l.Refs[:0], l.Refs[maxRefs:]...)
	}
	l.Refs = append(l.Refs, Ref{At: e.Time, Put: e.Kind == event.ModulePut, Count: e.Arg, By: e.By, Site: site})
}

// closeLoads trims the references to maxRefs. Until then up to twice as many are kept, so that each is moved only once.
func (b *builder) closeLoads() {
	for _, l := range b.loads.all {
		if n := len(l.Refs) - maxRefs; n > 0 {
			l.Refs, l.RefsBefore = l.Refs[n:], l.RefsBefore+n
		}
		l.Unknown = b.loadUnknown(l)
	}
}
