// SPDX-License-Identifier: MIT

package lanes

import (
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// report is what a kernel report means for the task that it names.
type report struct {
	what string // the event
	mark string // behind the name of the lane
}

func meaning(c *result.Crash) report {
	switch {
	case c.Type == "oom-kill":
		return report{"runs out of memory", "out of memory"}
	case c.GoesOn():
		return report{"triggers a warning of the kernel", "warning"}
	case c.Class == result.Panic:
		return report{"ends in a kernel panic", "panic"}
	case c.Class == result.Lockup:
		return report{"does not give up its CPU", "lockup"}
	case c.Class == result.Hung:
		return report{"hangs", "hangs"}
	}
	return report{"crashes", "crashed"}
}

// crash marks the task that a kernel report names, in the task's own lane. The report itself is shown elsewhere. The
// console's clock is not the trace's clock: the end of a killed thread is the one moment that both share, and where
// there is none the mark stands where the task was seen last.
func (b *builder) crash(c *result.Crash) {
	if c.Task == nil || c.Task.PID == 0 && c.Task.Comm == "" {
		return
	}
	end, at := b.lastMoment(), int64(0)
	lane := b.crashed(c.Task, end)
	l, means := &b.story.Lanes[lane], meaning(c)
	if l.Mark == means.mark {
		return // the same again
	}
	if l.Mark == "" {
		l.Mark = means.mark
	}
	l.Background = false
	kind := Short(strings.ReplaceAll(c.Type, "-", " "))
	how := ""
	if exit := b.exitOf(lane); exit != nil && means.mark == "crashed" {
		at, how = *exit, "the kernel killed it"
	} else {
		at, how = b.lastOf(lane, end), "the trace did not see when"
	}
	subject := b.subject("crash", kind, struct {
		Task  *result.Task `json:"task"`
		CPU   *int         `json:"cpu"`
		Taint []string     `json:"taint"`
	}{c.Task, c.CPU, c.Taint})
	b.point(b.event(Event{At: at, Lane: lane, Subject: subject, Moment: "crash", What: means.what,
		How: join(", ", kind, how), Tone: Bad}))
}

// crashed returns the lane of a task that a report names, and makes one if nothing else happened there. A report has
// only the beginning of a long name, so the pid decides.
func (b *builder) crashed(t *result.Task, at int64) int {
	last := -1
	for _, i := range b.byPID[t.PID] {
		lane := b.spans[i].lane
		if last < 0 || strings.HasPrefix(b.story.Lanes[lane].Name, Short(t.Comm)) {
			last = lane
		}
	}
	if last >= 0 {
		return last
	}
	if lane := b.leader(t); lane >= 0 {
		return lane
	}
	return b.who(t, at, false)
}

// leader returns the lane of the process that a task is a thread of, -1 if none fits. The kernel reports the thread;
// the trace goes by the process, whose pid is a little lower.
func (b *builder) leader(t *result.Task) int {
	const most = 32 // threads of a modprobe
	best := -1
	for i := range b.story.Lanes {
		l := &b.story.Lanes[i]
		fits := l.PID == t.PID || l.Name == Short(t.Comm) && l.PID < t.PID && t.PID-l.PID < most
		process := l.Kind == Process || l.Kind == Test || l.Kind == Program
		if process && fits && (best < 0 || l.PID > b.story.Lanes[best].PID) {
			best = i
		}
	}
	return best
}

// lastOf is when something was last seen in a lane; of what has no end, and of a lane without anything, that is end.
func (b *builder) lastOf(lane int, end int64) int64 {
	l := &b.story.Lanes[lane]
	if !l.seen {
		return end
	}
	last := l.first
	for _, s := range l.Segments {
		if s.Open {
			return end
		}
		last = max(last, s.End)
	}
	for i := range b.story.Events {
		if e := &b.story.Events[i]; e.Lane == lane {
			last = max(last, e.At)
		}
	}
	return last
}

// lastMoment is the end of the story so far.
func (b *builder) lastMoment() int64 {
	var last, any int64
	seen := false
	for i := range b.story.Events {
		e := &b.story.Events[i]
		any = max(any, e.At)
		if !e.Background && (!seen || e.At > last) {
			last, seen = e.At, true
		}
	}
	if !seen {
		return any
	}
	return last
}

// exitOf is when the thread or the program in a lane ended.
func (b *builder) exitOf(lane int) *int64 {
	for i := range b.story.Events {
		if e := &b.story.Events[i]; e.Lane == lane && (e.Moment == "exited" || e.Moment == "end_ns") {
			return &e.At
		}
	}
	return nil
}
