// SPDX-License-Identifier: MIT

package timeline

import "github.com/kmodlab/kmodlab/tracer/event"

// Request is one call of request_module.
type Request struct {
	Name   string // as formatted; the format where that was not seen
	Format string
	By     Actor
	Wait   bool // false: request_module_nowait

	Asked    uint64 // __request_module entered
	Admitted uint64 // behind the limiter of concurrent helpers
	Queued   uint64 // call_usermodehelper_exec entered
	Forked   uint64 // the helper's task runs
	Exec     uint64
	Loaded   uint64 // the first module that the helper loaded is in place
	Exited   uint64 // the helper's last thread
	Returned uint64

	// Ret is what the caller sees: 0, -errno or a raw wait status. Meaningful
	// when Returned is not 0.
	Ret        int64
	Helper     *Helper // nil when the kernel started none
	Loads      []string
	Background bool
}

// Helper is the program that the kernel ran for a request.
type Helper struct {
	Path string
	Argv []string
	Task event.Task // PID 0 when it was not seen to run
	// Status is the raw wait status; meaningful when Ended.
	Status int64
	Ended  bool
}

// ExitCode turns the wait status into a shell's exit status: 128+n where signal
// n ended the helper.
func (h *Helper) ExitCode() int {
	if sig := h.Status & 0x7f; sig != 0 {
		return 128 + int(sig)
	}
	return int(h.Status >> 8 & 0xff)
}

// Meaning says Ret in words, "" while the request waits.
func (r *Request) Meaning() string {
	if r.Returned == 0 {
		return ""
	}
	return requestWords(r.Ret, r.Wait)
}

func (r *Request) began() uint64 {
	return firstOf(r.Asked, r.Admitted, r.Queued, r.Forked, r.Exec, r.Loaded, r.Exited, r.Returned)
}

// requestJoin holds what is open. A task is in one request_module at most. The
// subprocess_info leads from the requester to the helper's task, which is then
// known by its process until it is gone.
type requestJoin struct {
	all     []*Request
	byAsker map[uint32]*Request
	byInfo  map[uint64]*Request
	byTGID  map[uint32]*Request // helpers that run
	byPID   map[uint32]*Request // helpers that a kworker may still wait for
	last    map[uint32]*Request // the last request of each task, open or not
}

func newRequestJoin() requestJoin {
	return requestJoin{
		byAsker: map[uint32]*Request{},
		byInfo:  map[uint64]*Request{},
		byTGID:  map[uint32]*Request{},
		byPID:   map[uint32]*Request{},
		last:    map[uint32]*Request{},
	}
}

func (b *builder) addRequest(e *event.Event) {
	j := &b.requests
	switch e.Kind {
	case event.RequestAsked:
		r := j.add(e)
		r.Asked, r.By, r.Format, r.Name, r.Wait = e.Time, b.actor(e), e.Text, e.Text, e.Arg != 0
	case event.RequestNamed:
		r := j.askedBy(e)
		r.Name = e.Text
	case event.RequestAdmitted:
		r := j.askedBy(e)
		r.Wait = e.Arg != 0
		setOnce(&r.Admitted, e.Time)
		if e.Text != "" {
			r.Name = e.Text
		}
	case event.RequestReturned:
		r := j.askedBy(e)
		r.Returned, r.Ret = e.Time, e.Ret
		delete(j.byAsker, e.By.PID)
	default:
		j.addHelper(e)
	}
}

func (j *requestJoin) add(e *event.Event) *Request {
	r := &Request{By: Actor{Task: e.By}}
	j.all = append(j.all, r)
	j.byAsker[e.By.PID], j.last[e.By.PID] = r, r
	return r
}

// lastBy is the youngest request of a task, nil when it made none.
func (j *requestJoin) lastBy(pid uint32) *Request { return j.last[pid] }

// askedBy is the task's open request; one whose beginning was lost begins here.
func (j *requestJoin) askedBy(e *event.Event) *Request {
	if r := j.byAsker[e.By.PID]; r != nil {
		return r
	}
	return j.add(e)
}

func (j *requestJoin) addHelper(e *event.Event) {
	switch e.Kind {
	case event.HelperQueued:
		delete(j.byInfo, e.Ptr) // that memory now is another helper's
		r := j.byAsker[e.By.PID]
		if r == nil || r.Helper != nil {
			return // some other user of call_usermodehelper
		}
		r.Queued = e.Time
		r.Helper = &Helper{Path: e.Text, Argv: append([]string(nil), e.Args...)}
		j.byInfo[e.Ptr] = r
	case event.HelperForked:
		delete(j.byTGID, e.By.TGID)
		delete(j.byPID, e.By.PID)
		if r := j.byInfo[e.Ptr]; r != nil {
			delete(j.byInfo, e.Ptr)
			r.Forked, r.Helper.Task = e.Time, e.By
			j.byTGID[e.By.TGID], j.byPID[e.By.PID] = r, r
		}
	case event.TaskExeced:
		if r := j.byTGID[e.By.TGID]; r != nil && r.Exec == 0 {
			r.Exec, r.Helper.Task = e.Time, e.By
		}
	case event.HelperWaited:
		if r := j.byPID[e.Arg]; r != nil {
			setOnce(&r.Exited, e.Time)
			r.Helper.Status, r.Helper.Ended = e.Ret, true
			j.forget(r)
		}
	}
	// HelperReturned adds nothing to RequestReturned, which follows at once.
}

// helperLoaded joins by process: a helper may load from any of its threads.
func (b *builder) helperLoaded(e *event.Event) {
	if r := b.requests.byTGID[e.By.TGID]; r != nil {
		setOnce(&r.Loaded, e.Time)
		r.Loads = append(r.Loads, e.Text)
	}
}

// helperExited takes the moment, and the status until the kworker says what it
// waited for: the last thread's status need not be the process's.
func (b *builder) helperExited(e *event.Event) {
	j := &b.requests
	delete(j.byAsker, e.By.PID)
	delete(j.last, e.By.PID)
	r := j.byTGID[e.By.TGID]
	if r == nil || e.Data != 1 {
		return
	}
	delete(j.byTGID, e.By.TGID)
	setOnce(&r.Exited, e.Time)
	if !r.Helper.Ended {
		r.Helper.Status, r.Helper.Ended = e.Ret, true
	}
}

func (j *requestJoin) forget(r *Request) {
	if j.byTGID[r.Helper.Task.TGID] == r {
		delete(j.byTGID, r.Helper.Task.TGID)
	}
	if j.byPID[r.Helper.Task.PID] == r {
		delete(j.byPID, r.Helper.Task.PID)
	}
}
