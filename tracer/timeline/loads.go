// SPDX-License-Identifier: MIT

package timeline

import "github.com/kmodlab/kmodlab/tracer/event"

// Load is one module's stay in the kernel.
type Load struct {
	Name      string
	By        event.Task // who called finit_module
	Loaded    uint64     // the module is in place, its init has not run
	InitBegin uint64
	InitEnd   uint64
	// InitRet is what the loader sees of init; meaningful when InitEnd is not 0.
	InitRet    int64
	Freed      uint64
	FreedBy    event.Task
	Background bool
}

// Live reports whether the init succeeded and the module was not freed.
func (l *Load) Live() bool { return l.InitEnd != 0 && l.InitRet >= 0 && l.Freed == 0 }

func (l *Load) began() uint64 { return firstOf(l.Loaded, l.InitBegin, l.InitEnd, l.Freed) }

// loadJoin joins by the address of struct module, which is the module's own
// until module_free.
type loadJoin struct {
	all  []*Load
	open map[uint64]*Load
}

func (b *builder) addLoad(e *event.Event) {
	l := b.loads.open[e.Ptr]
	stale := l != nil && (e.Kind == event.ModuleLoaded || e.Kind == event.ModuleInitBegin && l.InitBegin != 0 ||
		e.Text != "" && l.Name != "" && l.Name != e.Text)
	if l == nil || stale {
		if e.Kind == event.ModuleInitEnd && e.Text == "" && l == nil {
			return // the end of something of which nothing is known, not even a name
		}
		l = &Load{Name: e.Text, By: e.By}
		b.loads.all = append(b.loads.all, l)
		b.loads.open[e.Ptr] = l
	}
	switch e.Kind {
	case event.ModuleLoaded:
		l.Loaded = e.Time
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
	}
}
