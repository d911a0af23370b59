// SPDX-License-Identifier: MIT

package verdict

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/printk"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// keptMessages is how many messages of a module are kept from its beginning, and how many from its end.
const keptMessages = 100

// messages returns what the modules under study printed, in the order of time.
func (m *maker) messages() []result.Message {
	if len(m.e.Studied) == 0 {
		return nil
	}
	log := printk.Parse(m.e.KernelLog)
	lines := printk.Merge(log.Lines, printk.Parse([]byte(m.e.Console)).Lines)
	m.res.LogLost = log.Lost
	lines = sinceAgent(lines)
	c := speech{maker: m, log: printk.ClockOf(log.Lines), clock: clock{m.start}}
	c.traced = c.log.Known() && m.e.Trace.AgentPID != 0
	said := printk.Attribute(lines, c.modules(), m.inReport())
	if c.clock.start == 0 && len(said) > 0 { // nothing was recorded, so what was said comes first
		c.clock.start = uint64(max(0, c.log.Monotonic(said[0].US)))
	}
	omitted := thin(said)
	var messages []result.Message
	last := make(map[string]int) // by module: the message before those that are omitted
	for i := range said {
		s := &said[i]
		if omitted[i] {
			if at, ok := last[s.Module]; ok {
				messages[at].Omitted++
			}
			continue
		}
		last[s.Module] = len(messages)
		messages = append(messages, c.message(s))
	}
	return messages
}

// sinceAgent drops what the kernel logged before the agent's first mark, and so before any module was loaded.
func sinceAgent(lines []printk.Line) []printk.Line {
	first := slices.IndexFunc(lines, func(l printk.Line) bool {
		_, ok := l.Mark()
		return ok
	})
	if first < 0 {
		return lines
	}
	mark := lines[first].US
	return slices.DeleteFunc(lines, func(l printk.Line) bool { return l.US >= 0 && l.US < mark })
}

// thin chooses the lines that are not kept.
func thin(said []printk.Said) []bool {
	omitted := make([]bool, len(said))
	of := make(map[string][]int)
	for i := range said {
		of[said[i].Module] = append(of[said[i].Module], i)
	}
	for _, list := range of {
		for i := keptMessages; i < len(list)-keptMessages; i++ {
			omitted[list[i]] = true
		}
	}
	return omitted
}

// inReport returns a function that tells the lines of the kernel's reports from others.
func (m *maker) inReport() func(text string) bool {
	lines := make(map[string]bool)
	for _, c := range slices.Concat(m.res.Crashes, m.res.Unrelated) {
		for _, line := range c.Log {
			lines[strings.TrimSpace(line)] = true
		}
	}
	return func(text string) bool { return lines[strings.TrimSpace(text)] }
}

// speech knows who could have printed something when.
type speech struct {
	*maker
	log    printk.Clock
	clock  clock
	traced bool                // lives are known, and the log's clock
	tasks  map[int]result.Task // by the thread's pid, as the records name them; nil until needed
}

// modules are all modules of the run whose files are known.
func (c *speech) modules() []printk.Module {
	names := slices.Clone(c.e.Studied)
	for name := range c.e.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	var modules []printk.Module
	for _, name := range slices.Compact(names) {
		m := printk.Module{
			Name: name, Studied: c.studied(name), File: printk.Read(c.e.Files[name].Data), Callers: c.callers(name),
		}
		if c.traced {
			m.Lives = c.lives(name)
		}
		modules = append(modules, m)
	}
	return modules
}

// lives are when a module was loaded, by the log's clock: nil if its records may be lost, as they are when the kernel
// panics, and an empty list if it never was.
func (c *speech) lives(name string) []printk.Life {
	lives := []printk.Life{}
	for i := range c.res.Modules {
		m := &c.res.Modules[i]
		if m.Name != name {
			continue
		}
		if m.LoadedNS == nil && (m.Loaded || !c.e.Finished) {
			return nil
		}
		if m.LoadedNS == nil {
			continue
		}
		life := printk.Life{
			From: c.stamp(*m.LoadedNS), Initialized: c.stamp(*m.LoadedNS + int64(m.InitMS*1e6)), To: math.MaxInt64 / 2,
		}
		if m.FreedNS != nil {
			life.To = c.stamp(*m.FreedNS)
		}
		lives = append(lives, life)
	}
	return lives
}

// stamp converts a time of the result to the log's clock.
func (c *speech) stamp(ns int64) int64 { return c.log.Stamp(ns + int64(c.clock.start)) }

// callers are the tasks that run a module's code alone: its threads, and who loaded and unloaded it.
func (c *speech) callers(name string) map[string]bool {
	callers := make(map[string]bool)
	add := func(pid int) { callers["T"+strconv.Itoa(pid)] = pid != 0 }
	for i := range c.res.Threads {
		if t := &c.res.Threads[i]; moduleOf(t.Function) == name {
			add(t.PID)
		}
	}
	return callers
}

func (c *speech) message(s *printk.Said) result.Message {
	m := result.Message{Module: s.Module, Level: levelOf(s), Text: strings.TrimRight(s.Text, " \t")}
	if s.US >= 0 && c.traced {
		at := c.clock.since(uint64(max(0, c.log.Monotonic(s.US))))
		m.AtNS = &at
		m.Task = c.task(s, at)
	}
	return m
}

var levels = [...]string{
	result.LevelEmerg, result.LevelAlert, result.LevelCrit, result.LevelErr,
	result.LevelWarning, result.LevelNotice, result.LevelInfo, result.LevelDebug,
}

// levelOf names a line's level. Only the format shows that printk was called without one.
func levelOf(s *printk.Said) string {
	switch level := s.Level; {
	case s.Default:
		return result.LevelDefault
	case level == printk.Unknown && s.Format != nil && s.Format.Level >= 0:
		return levels[s.Format.Level]
	case level < 0 || level >= len(levels):
		return ""
	default:
		return levels[level]
	}
}

// clockSlack is how far a line's time may be off, in nanoseconds.
const clockSlack = 20e6

// task names who printed a line: whom the log names, or who ran the only function that prints such a line. It is nil
// if several tasks may have.
func (c *speech) task(s *printk.Said, at int64) *result.Task {
	if pid, err := strconv.Atoi(strings.TrimPrefix(s.Caller, "T")); err == nil && s.Caller != "" {
		return c.named(pid, at)
	}
	if s.Caller != "" { // an interrupt
		return nil
	}
	life := c.life(s.Module, at)
	switch f := s.Format; {
	case life == nil:
		return nil
	case f != nil && f.Init && at <= *life.LoadedNS+int64(life.InitMS*1e6)+clockSlack:
		return life.By
	case f != nil && f.Exit:
		return life.FreedBy
	case f != nil && len(f.Functions) == 1:
		if t := c.thread(s.Module, f.Functions[0], at); t != nil {
			return t
		}
	}
	if life.InitMS > 0 && at <= *life.LoadedNS+int64(life.InitMS*1e6) && !c.threadAlive(s.Module, at) {
		return life.By
	}
	return nil
}

// life is the module's life at a moment: the last that began before.
func (c *speech) life(module string, at int64) *result.Module {
	var found *result.Module
	for i := range c.res.Modules {
		m := &c.res.Modules[i]
		if m.Name == module && m.LoadedNS != nil && *m.LoadedNS <= at+printk.Skew*1000 {
			found = m
		}
	}
	return found
}

// thread is the only thread of a module that ran a function at a moment.
func (c *speech) thread(module, function string, at int64) *result.Task {
	var found *result.Task
	for i := range c.res.Threads {
		t := &c.res.Threads[i]
		name, _, _ := strings.Cut(t.Function, " [")
		if moduleOf(t.Function) != module || name != function || !aliveAt(t, at) {
			continue
		}
		if found != nil {
			return nil
		}
		found = &result.Task{Comm: t.Name, PID: t.PID}
	}
	return found
}

func (c *speech) threadAlive(module string, at int64) bool {
	return slices.ContainsFunc(c.res.Threads, func(t result.Thread) bool {
		return moduleOf(t.Function) == module && aliveAt(&t, at)
	})
}

// aliveAt reports whether a thread may have run its function at a moment.
func aliveAt(t *result.Thread, at int64) bool {
	began := cmp.Or(t.Stages.Function, t.Stages.Woken, t.Stages.Created, t.Stages.FirstRun)
	return began != nil && *began <= at && (t.Stages.Exited == nil || *t.Stages.Exited >= at)
}

// named is the task with a pid at a moment, as the trace names it.
func (c *speech) named(pid int, at int64) *result.Task {
	for i := range c.res.Threads {
		if t := &c.res.Threads[i]; t.PID == pid && aliveAt(t, at) {
			return &result.Task{Comm: t.Name, PID: pid}
		}
	}
	if c.tasks == nil {
		c.tasks = make(map[int]result.Task)
		for i := range c.e.Trace.Events {
			by := &c.e.Trace.Events[i].By
			if _, known := c.tasks[int(by.PID)]; !known && by.Comm != "" {
				c.tasks[int(by.PID)] = task(*by, event.Site{})
			}
		}
	}
	if t, ok := c.tasks[pid]; ok {
		return &t
	}
	return &result.Task{PID: pid}
}
