// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// maxLives bounds how many tasks of one pid are told apart; a pid is reused only after some thirty thousand others.
const maxLives = 512

// focus decides what a person who studies some modules wants to see first.
type focus struct {
	opts      Options
	threads   map[uint32][]*Thread  // foreground, by pid
	helpers   map[uint32][]*Request // foreground, by the helper's process
	loaders   map[uint32]bool       // the processes that loaded and freed the modules under study
	processes map[uint32][]*Process // followed, by process id
	inits     []*Load               // of the modules under study
}

// markBackground marks what neither the modules under study nor their threads and helpers take part in. Helpers lead to
// threads and threads to helpers, so it loops until nothing is added; each round adds a generation.
func (b *builder) markBackground(opts Options) {
	f := &focus{opts: opts, threads: map[uint32][]*Thread{}, helpers: map[uint32][]*Request{},
		loaders: map[uint32]bool{}, processes: map[uint32][]*Process{}}
	f.addProcesses(b.processes.all)
	for _, l := range b.loads.all {
		if f.ours(l.Name) {
			f.inits = append(f.inits, l)
		}
	}
	for _, t := range b.threads.all {
		t.Background = true
	}
	for _, r := range b.requests.all {
		r.Background = true
	}
	const generations = 8
	for range generations {
		threads, requests := f.addThreads(b.threads.all), f.addRequests(b.requests.all)
		if !threads && !requests {
			break
		}
	}
	for _, l := range b.loads.all {
		l.Background = !f.ours(l.Name) && !f.helper(l.By, l.began())
		if f.ours(l.Name) {
			f.loaders[l.By.TGID], f.loaders[l.FreedBy.TGID] = true, true
		}
	}
	for _, s := range b.signals.all {
		s.Background = f.signalBackground(s)
	}
}

func (f *focus) addThreads(all []*Thread) bool {
	added := false
	for _, t := range all {
		if t.Background && f.wantsThread(t) {
			t.Background, added = false, true
			if len(f.threads[t.Task.PID]) < maxLives {
				f.threads[t.Task.PID] = append(f.threads[t.Task.PID], t)
			}
		}
	}
	return added
}

func (f *focus) wantsThread(t *Thread) bool {
	if f.site(t.Func) || f.site(t.Requester.Site) || f.task(t.Requester.Task, t.began()) ||
		f.init(t.Requester.Task, t.began()) {
		return true
	}
	return slices.ContainsFunc(t.Stops, func(s Stop) bool { return f.site(s.By.Site) })
}

func (f *focus) addRequests(all []*Request) bool {
	added := false
	for _, r := range all {
		if r.Background && f.wantsRequest(r) {
			r.Background, added = false, true
			if r.Helper != nil && r.Helper.Task.TGID != 0 && len(f.helpers[r.Helper.Task.TGID]) < maxLives {
				f.helpers[r.Helper.Task.TGID] = append(f.helpers[r.Helper.Task.TGID], r)
			}
		}
	}
	return added
}

func (f *focus) wantsRequest(r *Request) bool {
	return f.site(r.By.Site) || f.task(r.By.Task, r.began()) || f.init(r.By.Task, r.began()) ||
		slices.ContainsFunc(r.Loads, f.ours)
}

// signalBackground treats SIGCHLD and SIGURG as noise that every process makes: only a module that sends them itself
// brings them to the front.
func (f *focus) signalBackground(s *Signal) bool {
	if f.site(s.From.Site) && s.From.Site.Module != "" {
		return false
	}
	if signo(s, unix.SIGCHLD) || signo(s, unix.SIGURG) {
		return true
	}
	if f.thread(s.To.PID, s.Sent) || f.thread(s.From.PID, s.Sent) && s.From.Kthread {
		return false
	}
	if f.follows(s.To, s.Sent) || f.follows(s.From.Task, s.Sent) {
		return false
	}
	if f.opts.AgentTGID != 0 && (s.From.TGID == f.opts.AgentTGID || s.To.TGID == f.opts.AgentTGID) {
		return true
	}
	if s.To.TGID != 0 && f.loaders[s.To.TGID] { // a module may kill its own loader
		return false
	}
	return len(f.opts.Modules) != 0 && !f.helper(s.To, s.Sent) && !f.helper(s.From.Task, s.Sent)
}

// ours reports whether a module is under study.
func (f *focus) ours(module string) bool {
	return len(f.opts.Modules) == 0 || slices.Contains(f.opts.Modules, module)
}

// site reports whether code belongs to a module under study; without a list of modules all code does.
func (f *focus) site(s event.Site) bool {
	if len(f.opts.Modules) == 0 {
		return true
	}
	return s.Module != "" && slices.Contains(f.opts.Modules, s.Module)
}

func (f *focus) task(t event.Task, at uint64) bool { return f.thread(t.PID, at) || f.helper(t, at) }

// init reports whether a task runs the init function of a module under study. What that calls last is a jump, which the
// module's code does not show in the stack.
func (f *focus) init(t event.Task, at uint64) bool {
	return slices.ContainsFunc(f.inits, func(l *Load) bool {
		return l.By.PID == t.PID && l.InitBegin != 0 && at >= l.InitBegin && (l.InitEnd == 0 || at <= l.InitEnd)
	})
}

func (f *focus) thread(pid uint32, at uint64) bool {
	return pid != 0 && slices.ContainsFunc(f.threads[pid], func(t *Thread) bool { return t.covers(at) })
}

func (f *focus) helper(t event.Task, at uint64) bool {
	return slices.ContainsFunc(f.helpers[t.TGID], func(r *Request) bool {
		return at >= r.Forked && (r.Exited == 0 || at <= r.Exited)
	})
}
