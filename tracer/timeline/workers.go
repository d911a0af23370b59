// SPDX-License-Identifier: MIT

package timeline

import "github.com/kmodlab/kmodlab/tracer/event"

// Park is one stay of a kernel thread in kthread_park.
type Park struct {
	By         Actor  // who called kthread_park
	Asked      uint64 // kthread_park entered
	Parked     uint64 // the thread itself is about to wait
	Returned   uint64 // kthread_park returned
	Ret        int64  // meaningful if Returned is not 0
	UnparkedBy Actor
	Unparked   uint64
}

// Work is one run of a kthread_work: work that is queued again is another Work.
type Work struct {
	Func    event.Site
	By      Actor // who queued it
	Queued  uint64
	Started uint64
	Ended   uint64
}

// work is a Work that is not attached to its worker yet.
type work struct {
	Work
	ptr    uint64
	thread *Thread
}

// workJoin joins by the address of the kthread_work. A kthread_work is in at most one queue, but may be queued again
// while it runs; a worker runs one at a time.
type workJoin struct {
	all     []*work
	queued  map[uint64]*work
	running map[*Thread]*work
}

// addThreadMore handles what happens to a thread besides its birth and its end.
func (b *builder) addThreadMore(e *event.Event) {
	switch e.Kind {
	case event.ThreadBound:
		if e.Target.PID != 0 {
			t := b.threads.findOrAdd(e.Target, e.Time)
			t.Bound, t.CPU = true, e.Arg
		}
	case event.ThreadParkAsked, event.ThreadParked, event.ThreadParkReturned, event.ThreadUnparked:
		b.addPark(e)
	case event.WorkQueued, event.WorkStarted, event.WorkEnded:
		b.addWork(e)
	}
}

func (b *builder) addPark(e *event.Event) {
	j := &b.threads
	switch e.Kind {
	case event.ThreadParkAsked:
		if e.Target.PID == 0 {
			return
		}
		t := j.findOrAdd(e.Target, e.Time)
		t.Parks = append(t.Parks, Park{By: b.actor(e), Asked: e.Time})
		j.parks[idOf(e.By)] = openCall{t, len(t.Parks) - 1}
	case event.ThreadParked:
		t := j.findOrAdd(e.By, e.Time)
		p := t.lastPark()
		if p == nil || p.Unparked != 0 {
			t.Parks = append(t.Parks, Park{})
			p = t.lastPark()
		}
		setOnce(&p.Parked, e.Time)
	case event.ThreadParkReturned:
		if open, ok := j.parks[idOf(e.By)]; ok {
			p := &open.thread.Parks[open.index]
			p.Returned, p.Ret = e.Time, e.Ret
			delete(j.parks, idOf(e.By))
		}
	case event.ThreadUnparked:
		// kthread_stop unparks too, whether parked or not.
		if t := j.find(e.Target); t != nil {
			if p := t.lastPark(); p != nil && p.Unparked == 0 {
				p.Unparked, p.UnparkedBy = e.Time, b.actor(e)
			}
		}
	}
}

func (t *Thread) lastPark() *Park {
	if len(t.Parks) == 0 {
		return nil
	}
	return &t.Parks[len(t.Parks)-1]
}

func (b *builder) addWork(e *event.Event) {
	j := &b.works
	switch e.Kind {
	case event.WorkQueued:
		w := j.add(e)
		w.Func, w.By, w.Queued = b.function(e.Func, e.Time), b.actor(e), e.Time
		if e.Target.PID != 0 {
			w.thread = b.threads.findOrAdd(e.Target, e.Time)
		}
		j.queued[e.Ptr] = w
	case event.WorkStarted:
		w := j.queued[e.Ptr]
		delete(j.queued, e.Ptr)
		if w == nil {
			w = j.add(e)
			w.Func = b.function(e.Func, e.Time)
		}
		w.Started, w.thread = e.Time, b.threads.findOrAdd(e.By, e.Time)
		j.running[w.thread] = w
	case event.WorkEnded:
		t := b.threads.find(e.By)
		if w := j.running[t]; w != nil && w.ptr == e.Ptr {
			w.Ended = e.Time
			delete(j.running, t)
		}
	}
}

func (j *workJoin) add(e *event.Event) *work {
	w := &work{ptr: e.Ptr}
	j.all = append(j.all, w)
	return w
}

// closeWorks gives the work items to their workers, in the order in which they began.
func (b *builder) closeWorks() {
	for _, w := range b.works.all {
		if w.thread != nil {
			w.thread.Works = append(w.thread.Works, w.Work)
		}
	}
}
