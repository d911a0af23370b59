// SPDX-License-Identifier: MIT

package perfetto

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// builder knows which tasks are kernel threads of the result.
type builder struct {
	*model
	lives map[taskKey][]*life
	// programs are the tests and their processes, by pid.
	programs map[int][]*program
}

type taskKey struct {
	comm string
	pid  int
}

// life is one kernel thread: several may have had the same pid.
type life struct {
	from  int64
	n     int
	track *track
	kind  kind
}

// stage is a stretch of a thread's life, named by its beginning.
type stage struct {
	name string
	at   *int64
}

// kindOf files background activity separately from the modules under study.
func kindOf(k kind, background bool) kind {
	if background {
		return backgroundKind
	}
	return k
}

func (b *builder) thread(n int, t *result.Thread) {
	k := kindOf(threadKind, t.Background)
	s := &t.Stages
	name := fmt.Sprintf("%s[%d]", t.Name, t.PID)
	line := b.track(trackKey{kind: k, name: t.Name, pid: t.PID, n: n}, name)
	ask := b.ask(t)
	stages := slices.DeleteFunc([]stage{
		{"picked up by kthreadd", s.PickedUp}, {"first run", s.FirstRun}, {"woken", s.Woken},
		{"runs " + t.Function, s.Function},
		{"asked to stop", s.StopAsked}, {"sees the stop", s.StopSeen}, {"exited", s.Exited},
	}, func(s stage) bool { return s.at == nil })
	slices.SortStableFunc(stages, func(a, b stage) int { return cmp.Compare(*a.at, *b.at) })
	first := int64(math.MinInt64)
	made := make(map[string]*entry)
	for i, st := range stages {
		if i == 0 {
			first = *st.at
		}
		end := s.Freed
		if i+1 < len(stages) {
			end = stages[i+1].at
		}
		switch {
		case st.at == s.Exited && end == nil:
			made[st.name] = b.instant(line, *st.at, t.Ended)
		case st.at == s.Exited:
			made[st.name] = b.slice(line, *st.at, *end, t.Ended)
		default:
			made[st.name] = b.call(line, *st.at, end, st.name)
		}
	}
	if len(stages) > 0 {
		b.describe(made[stages[0].name], t)
		b.arrow(ask, made[stages[0].name])
	}
	key := taskKey{t.Name, t.PID}
	b.lives[key] = append(b.lives[key], &life{from: first, n: n, track: line, kind: k})
	if t.WokenBy != nil && s.Woken != nil {
		b.arrow(b.instant(b.calls(*t.WokenBy, *s.Woken, t.Background), *s.Woken, "wakes "+name), made["woken"])
	}
	b.stops(t, name, made)
	b.works(n, k, t)
	for _, w := range t.Wakeups {
		fields := []field{word("site", w.By.Site)}
		if w.Omitted > 0 {
			fields = append(fields, number("omitted", int64(w.Omitted)))
		}
		b.arrow(b.instant(b.calls(w.By, w.AtNS, t.Background), w.AtNS, "wakes "+name, fields...),
			b.instant(line, w.AtNS, "woken by a program"))
	}
}

// ask is the requester's call of kthread_create.
func (b *builder) ask(t *result.Thread) *entry {
	s := &t.Stages
	if s.Requested == nil {
		return nil
	}
	return b.call(b.calls(t.Requester, *s.Requested, t.Background), *s.Requested, s.Created, "kthread_create "+t.Name,
		word("function", t.Function), word("site", t.Requester.Site), maybe("create_ret", t.CreateRet),
		word("stack", strings.Join(t.Stack, "\n")))
}

func (b *builder) describe(e *entry, t *result.Thread) {
	e.fields = append(e.fields, some([]field{
		number("pid", int64(t.PID)), word("function", t.Function), word("ended", t.Ended), word("ending", t.Ending),
		number("result", t.Result),
		word("flags", strings.Join(t.Flags, " ")), word("unknown", strings.Join(t.Unknown, " ")),
	})...)
}

func (b *builder) stops(t *result.Thread, name string, made map[string]*entry) {
	for i, stop := range t.StopCalls {
		e := b.call(b.calls(stop.By, stop.AskedNS, t.Background), stop.AskedNS, stop.ReturnedNS, "kthread_stop "+name,
			word("site", stop.By.Site), maybe("ret", stop.Ret), word("stack", strings.Join(stop.Stack, "\n")))
		if i == 0 {
			b.arrow(e, made["asked to stop"])
		}
	}
}

// works gives a thread's work items and parks a line of their own below its stages.
func (b *builder) works(n int, k kind, t *result.Thread) {
	line := func() *track {
		return b.track(trackKey{kind: k, name: t.Name, pid: t.PID, n: n, what: "works"},
			fmt.Sprintf("%s[%d] work items", t.Name, t.PID))
	}
	for _, w := range t.Works {
		var run *entry
		if w.StartedNS != nil {
			run = b.call(line(), *w.StartedNS, w.EndedNS, w.Function)
		}
		if w.By != nil && w.QueuedNS != nil {
			b.arrow(b.instant(b.calls(*w.By, *w.QueuedNS, t.Background), *w.QueuedNS, "queues "+w.Function,
				word("site", w.By.Site)), run)
		}
	}
	for _, p := range t.Parks {
		if p.ParkedNS != nil {
			b.call(line(), *p.ParkedNS, p.UnparkedNS, "parked", maybe("ret", p.Ret))
		}
	}
}

// calls is the line for what a task does at a moment.
func (b *builder) calls(t result.Task, at int64, background bool) *track {
	if p := b.programOf(t.PID, at); p != nil {
		return p.track
	}
	name := fmt.Sprintf("%s[%d]", t.Comm, t.PID)
	if l := b.lifeOf(t, at); l != nil {
		return b.track(trackKey{kind: l.kind, name: t.Comm, pid: t.PID, n: l.n, what: "calls"}, name+" calls")
	}
	k := kindOf(taskKind, background)
	if other := b.byKey[trackKey{kind: taskKind, name: t.Comm, pid: t.PID}]; other != nil {
		return other
	}
	return b.track(trackKey{kind: k, name: t.Comm, pid: t.PID}, name)
}

// lifeOf is the thread that had this name and pid then.
func (b *builder) lifeOf(t result.Task, at int64) *life {
	var found *life
	for _, l := range b.lives[taskKey{t.Comm, t.PID}] {
		if found == nil || l.from <= at {
			found = l
		}
	}
	return found
}

func (b *builder) module(mod *result.Module) {
	k := kindOf(moduleKind, mod.Background)
	line := b.track(trackKey{kind: k, name: mod.Name}, mod.Name)
	if mod.LoadedNS != nil {
		e := b.call(line, *mod.LoadedNS, mod.FreedNS, "loaded", word("depends", strings.Join(mod.Depends, " ")),
			number("init_ret", mod.InitRet))
		if mod.By != nil {
			init := *mod.LoadedNS + int64(mod.InitMS*1e6)
			b.arrow(b.slice(b.calls(*mod.By, *mod.LoadedNS, mod.Background), *mod.LoadedNS, init, "finit_module "+mod.Name), e)
		}
	}
	if mod.FreedNS != nil && mod.FreedBy != nil {
		b.instant(b.calls(*mod.FreedBy, *mod.FreedNS, mod.Background), *mod.FreedNS, "frees "+mod.Name)
	}
	if len(mod.Refs) == 0 {
		return
	}
	refs := b.track(trackKey{kind: k, name: mod.Name, what: "refs"}, mod.Name+" references")
	refs.counter = true
	for _, ref := range mod.Refs {
		refs.counts = append(refs.counts, count{ref.AtNS, int64(ref.Count)})
	}
}

func (b *builder) request(q *result.Request) {
	s := &q.Stages
	var ask *entry
	if s.Asked != nil {
		ask = b.call(b.calls(q.By, *s.Asked, q.Background), *s.Asked, s.Returned, "request_module "+q.Name,
			word("name", q.Name), word("site", q.By.Site), maybe("returned", q.Returned), word("meaning", q.Meaning),
			maybe("throttled_ns", q.ThrottledNS), word("loaded", strings.Join(q.Loaded, " ")),
			word("stack", strings.Join(q.Stack, "\n")))
	}
	h := q.Helper
	began := s.Forked
	if began == nil {
		began = s.Exec
	}
	if h == nil || began == nil {
		return
	}
	name := fmt.Sprintf("modprobe[%d]", h.PID)
	line := b.track(trackKey{kind: kindOf(helperKind, q.Background), name: "modprobe", pid: h.PID}, name)
	fields := []field{word("path", h.Path), word("argv", strings.Join(h.Argv, " ")),
		word("env", strings.Join(h.Env, " ")), word("killed_by", h.KilledBy)}
	if h.Exit != nil {
		fields = append(fields, number("exit", int64(*h.Exit)))
	}
	b.arrow(ask, b.call(line, *began, s.Exited, strings.Join(h.Argv, " "), fields...))
	if s.Loaded != nil {
		b.instant(line, *s.Loaded, "loaded "+strings.Join(q.Loaded, ", "))
	}
}

func (b *builder) signal(s *result.Signal) {
	name := s.Name
	if s.Outcome == result.NotASignal {
		name = "wake-up"
	}
	to := fmt.Sprintf("%s[%d]", s.To.Comm, s.To.PID)
	fields := []field{
		number("signo", int64(s.Signo)), word("outcome", string(s.Outcome)), word("reason", s.Reason),
		word("site", s.From.Site),
		word("sender", s.Sender), word("syscall", s.Syscall), word("target_state", s.TargetState),
	}
	sent := b.instant(b.calls(s.From, s.SentNS, s.Background), s.SentNS, name+" to "+to, fields...)
	if s.ConsumedNS != nil {
		b.arrow(sent, b.instant(b.calls(s.To, *s.ConsumedNS, s.Background), *s.ConsumedNS, name+" "+string(s.Outcome),
			word("site", s.Site)))
	}
}

// message is an instant on the module's track.
func (b *builder) message(m *result.Message) {
	if m.AtNS == nil {
		return
	}
	line := b.track(trackKey{kind: moduleKind, name: m.Module}, m.Module)
	fields := []field{word("text", m.Text), word("level", m.Level)}
	if m.Task != nil {
		fields = append(fields, word("task", fmt.Sprintf("%s[%d]", m.Task.Comm, m.Task.PID)))
	}
	b.instant(line, *m.AtNS, "prints "+m.Text, fields...)
}
