// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Request is one call of request_module.
type Request struct {
	Name   string // as formatted; the format string if the name was not seen
	Format string
	By     Actor
	Wait   bool // false: request_module_nowait

	Asked    uint64 // __request_module entered
	Named    uint64 // the name is known; the limiter comes next
	Admitted uint64 // past the limiter of concurrent helpers
	Queued   uint64 // call_usermodehelper_exec entered
	Forked   uint64 // the helper's task runs
	Exec     uint64
	Loaded   uint64 // the first module that the helper loaded is in place
	Exited   uint64 // the helper's last thread
	Waited   uint64 // the kernel has got the helper's status
	Returned uint64
	// Duplicate is when the request found another one in progress for the same name: it ran no modprobe and got what
	// the other got (since 6.4).
	Duplicate uint64

	// Ret is what the caller sees: 0, -errno or a raw wait status. Meaningful if Returned is not 0.
	Ret     int64
	Helper  *Helper // nil if the kernel started none
	Loads   []string
	Modules []Loaded // what is known about Loads, in the same order
	// Background members do not concern the modules under study.
	Background bool
	// Unknown names the facts (as in the JSON of package result) that are missing because nothing could record them.
	Unknown []string

	waitKnown bool
	loads     []*Load
}

// Loaded is a module that a helper loaded.
type Loaded struct {
	Name      string
	InitBegin uint64
	InitEnd   uint64
	InitRet   int64 // meaningful if InitEnd is not 0
}

// Throttled is how long the request waited behind others in the limiter of concurrent helpers; false if one of the two
// moments was not seen.
func (r *Request) Throttled() (ns uint64, ok bool) {
	if r.Named == 0 || r.Admitted < r.Named {
		return 0, false
	}
	return r.Admitted - r.Named, true
}

// Helper is the program that the kernel ran for a request.
type Helper struct {
	Path string
	Argv []string
	Env  []string
	Task event.Task // PID 0 if it was not seen to run
	// Status is the raw wait status; meaningful if Ended.
	Status int64
	Ended  bool
	// NotExecuted says that the helper's task ended without becoming Path: the program could not be executed, whatever
	// the status says.
	NotExecuted bool
}

// KilledBy names the signal that ended the helper, "" if none did. A wait status has 16 bits; if the exec failed, its
// -errno is there instead.
func (h *Helper) KilledBy() string {
	if sig := int(h.Status & 0x7f); h.Ended && h.Status>>16 == 0 && sig != 0 {
		return SignalName(sig)
	}
	return ""
}

// ExitCode turns the wait status into a shell's exit status: 128+n if signal n ended the helper.
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
	switch words := requestWords(r.Ret, r.Wait); {
	case r.Duplicate != 0 && r.Ret == 0 && !r.Wait:
		return "no modprobe of its own: another request for it is in progress"
	case r.Duplicate != 0:
		return "no modprobe of its own; another request for it got: " + words
	case r.Ret == 0 && !r.waitKnown && slices.Contains(r.Unknown, "wait"):
		return "modprobe was started"
	default:
		return words
	}
}

func (r *Request) began() uint64 {
	return firstOf(r.Asked, r.Named, r.Admitted, r.Duplicate, r.Queued, r.Forked, r.Exec, r.Loaded, r.Exited, r.Waited,
		r.Returned)
}

// requestJoin holds what is open. A task is in at most one request_module. The subprocess_info leads from the requester
// to the helper's task, which is then identified by its process until it is gone.
type requestJoin struct {
	all     []*Request
	byAsker map[taskID]*Request
	byInfo  map[uint64]*Request
	byTGID  map[uint32]*Request // running helpers
	byPID   map[uint32]*Request // helpers that a kworker may still wait for
	last    map[taskID]*Request // the last request of each task, open or not
}

func newRequestJoin() requestJoin {
	return requestJoin{
		byAsker: map[taskID]*Request{},
		byInfo:  map[uint64]*Request{},
		byTGID:  map[uint32]*Request{},
		byPID:   map[uint32]*Request{},
		last:    map[taskID]*Request{},
	}
}

func (b *builder) addRequest(e *event.Event) {
	j := &b.requests
	switch e.Kind {
	case event.RequestAsked:
		r := j.add(e)
		r.Asked, r.By, r.Format, r.Name = e.Time, b.actor(e), e.Text, e.Text
		r.setWait(e.Arg != 0)
	case event.RequestNamed:
		r := j.askedBy(e)
		if firstOf(r.Named, r.Admitted, r.Queued, r.Duplicate) != 0 {
			r = j.add(e) // the end of that one and the beginning of this one were not seen
		}
		r.Name, r.Named = e.Text, e.Time
	case event.RequestAdmitted:
		r := j.askedBy(e)
		if firstOf(r.Admitted, r.Queued, r.Duplicate) != 0 {
			r = j.add(e)
		}
		r.setWait(e.Arg != 0)
		setOnce(&r.Admitted, e.Time)
		if e.Text != "" {
			r.Name = e.Text
		}
	case event.RequestDuplicate:
		r := j.askedBy(e)
		setOnce(&r.Duplicate, e.Time)
		if r.Name == "" {
			r.Name = e.Text
		}
	case event.RequestReturned:
		r := j.askedBy(e)
		r.Returned, r.Ret = e.Time, e.Ret
		delete(j.byAsker, idOf(e.By))
	default:
		j.addHelper(e)
	}
}

func (j *requestJoin) add(e *event.Event) *Request {
	r := &Request{By: Actor{Task: e.By}}
	j.all = append(j.all, r)
	j.byAsker[idOf(e.By)], j.last[idOf(e.By)] = r, r
	return r
}

func (r *Request) setWait(wait bool) { r.Wait, r.waitKnown = wait, true }

// lastBy returns the latest request of a task, nil if it made none.
func (j *requestJoin) lastBy(t event.Task) *Request { return j.last[idOf(t)] }

// askedBy returns the task's open request; one whose beginning was lost begins here.
func (j *requestJoin) askedBy(e *event.Event) *Request {
	if r := j.byAsker[idOf(e.By)]; r != nil {
		return r
	}
	return j.add(e)
}

func (j *requestJoin) addHelper(e *event.Event) {
	switch e.Kind {
	case event.HelperQueued:
		delete(j.byInfo, e.Ptr) // that memory now belongs to another helper
		r := j.byAsker[idOf(e.By)]
		if r == nil || r.Helper != nil {
			return // some other user of call_usermodehelper
		}
		r.Queued = e.Time
		r.Helper = &Helper{Path: e.Text, Argv: slices.Clone(e.Args), Env: slices.Clone(e.Env)}
		if !r.waitKnown {
			r.setWait(e.Arg&umhWaitProc != 0)
		}
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
			setOnce(&r.Waited, e.Time)
			r.Helper.Status, r.Helper.Ended = e.Ret, true
			j.forget(r)
		}
	}
	// HelperReturned adds nothing to RequestReturned, which follows at once.
}

// helperLoaded joins by process: a helper may load modules from any of its threads.
func (b *builder) helperLoaded(e *event.Event) {
	if r := b.requests.byTGID[e.By.TGID]; r != nil {
		setOnce(&r.Loaded, e.Time)
		r.Loads = append(r.Loads, e.Text)
		r.loads = append(r.loads, b.loads.open[e.Ptr])
	}
}

// helperExited notes the moment, and a status until the kworker reports the one it waited for: the last thread's status
// need not be the process's.
func (b *builder) helperExited(e *event.Event) {
	j := &b.requests
	delete(j.byAsker, idOf(e.By))
	delete(j.last, idOf(e.By))
	r := j.byTGID[e.By.TGID]
	if r == nil || e.Data != 1 {
		return
	}
	delete(j.byTGID, e.By.TGID)
	setOnce(&r.Exited, e.Time)
	if e.By.Comm != "" {
		r.Helper.Task.Comm = e.By.Comm
	}
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

// closeRequests draws the conclusions that need the whole request.
func (b *builder) closeRequests() {
	for _, r := range b.requests.all {
		h := r.Helper
		if h != nil && !h.Ended && r.Wait && r.Returned != 0 && r.Ret >= 0 {
			h.Status, h.Ended = r.Ret, true // the caller gets the helper's status
		}
		if h != nil && firstOf(r.Exited, r.Waited) != 0 && r.Exec == 0 && !b.blind.any(event.TaskExeced) {
			h.NotExecuted = true
		}
		if h != nil && r.Exec == 0 && h.Status == 0 && b.blind.any(event.TaskExeced) && (!r.Wait || r.Ret < 0) {
			h.Ended = false // a helper that could not be executed also ends with status 0
		}
		if h != nil && len(h.Argv) > 0 && strings.Contains(r.Name, "%") && firstOf(r.Named, r.Admitted) == 0 {
			r.Name = h.Argv[len(h.Argv)-1] // modprobe -q -- NAME
		}
		for _, l := range r.loads {
			r.Modules = append(r.Modules, Loaded{l.Name, l.InitBegin, l.InitEnd, l.InitRet})
		}
		r.Unknown = b.requestUnknown(r)
	}
}

// umhWaitProc is the kernel's UMH_WAIT_PROC (include/linux/umh.h).
const umhWaitProc = 2
