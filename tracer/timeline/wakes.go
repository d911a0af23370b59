// SPDX-License-Identifier: MIT

package timeline

import "github.com/kmodlab/kmodlab/tracer/event"

// Wakeup is one time that a followed process woke a thread of a module: a program does something, and a thread that
// waits goes on. The first wake-up after the creation, kthread_stop and kthread_park are not among them: they wake,
// too, and are told as what they are.
type Wakeup struct {
	By Actor
	At uint64
	// Omitted is how many further wake-ups of the thread by the same process have no record.
	Omitted int
}

// wakeKey is a process and a thread that it wakes, as the tracer counts them: that goes on when the thread is freed.
type wakeKey struct {
	tgid, pid uint32
	thread    taskID
}

// wakes is what was told of a process's wake-ups of a thread.
type wakes struct {
	thread *Thread
	number int64 // of the last one
	index  int   // of the last one in Thread.Wakeups, -1 if there is none
}

func (b *builder) addWakeup(e *event.Event) {
	if e.Target.PID == 0 {
		return
	}
	key := wakeKey{e.By.TGID, e.Target.PID, idOf(e.Target)}
	w := b.wakes[key]
	if e.Kind == event.WakesCounted {
		if w != nil {
			w.count(e.Ret)
		}
		return
	}
	j := &b.threads
	t := j.findOrAdd(e.Target, e.Time)
	if w == nil || w.thread != t {
		w = &wakes{thread: t, index: -1}
		b.wakes[key] = w
	}
	w.count(e.Ret - 1)
	w.number = max(w.number, e.Ret)
	by := idOf(e.By)
	if j.stops[by].thread == t || j.parks[by].thread == t {
		return
	}
	t.Wakeups = append(t.Wakeups, Wakeup{By: b.actor(e), At: e.Time})
	w.index = len(t.Wakeups) - 1
}

// count notes that there were that many, all told: those after the last one with a record have none.
func (w *wakes) count(total int64) {
	if total <= w.number {
		return
	}
	if w.index >= 0 {
		omitted := &w.thread.Wakeups[w.index].Omitted
		*omitted = int(min(int64(*omitted)+min(total-w.number, maxOmitted), maxOmitted))
	}
	w.number = total
}
