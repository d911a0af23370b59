// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// stackMask selects the base of a kernel stack: THREAD_SIZE is 16 KiB on x86-64, and stacks are aligned to their size.
const stackMask = ^uint64(16<<10 - 1)

// maxSamePID bounds how many threads with one pid are kept open. There is more than one only while somebody holds a
// reference to a dead one.
const maxSamePID = 8

// maxWaiting bounds the requests with the same threadfn and argument that wait for kthreadd, so that a lying guest
// costs little time.
const maxWaiting = 256

// Thread is the life of one kernel thread.
type Thread struct {
	Task      event.Task // with the final name if that was seen; PID 0 if it was never created
	Func      event.Site // its threadfn
	Requester Actor
	Format    string // the name as the requester wrote it, not formatted
	// Node is the requested memory node, -1 for any. Meaningful if Requested is not 0.
	Node int32

	Requested uint64 // __kthread_create_on_node entered
	PickedUp  uint64 // kthreadd took the request
	Forked    uint64 // kernel_thread returned to kthreadd
	FirstRun  uint64 // kthread() entered by the new thread
	Created   uint64 // kthread_create returned to the requester
	Woken     uint64 // first wake-up after creation
	Function  uint64 // threadfn called
	StopSeen  uint64 // kthread_should_stop first said true
	Exited    uint64
	Freed     uint64 // last reference dropped
	// ModuleFreed is when the module of its function was freed, if the thread was still alive then.
	ModuleFreed uint64

	WokenBy event.Task
	Bound   bool   // to CPU, the first one that it was bound to
	CPU     uint32 // meaningful if Bound
	Stops   []Stop // calls of kthread_stop, in order
	Parks   []Park
	Works   []Work   // that it ran or was given as a kthread_worker
	Wakeups []Wakeup // by followed processes, while it ran its function
	// CreateRet is what the requester got: 0, -errno, or -EINTR if it was killed while it waited. Meaningful if Created
	// is not 0.
	CreateRet int64
	Flags     uint32 // PF_* of the new task as the requester got it; meaningful if CreateRet is
	// Result is what threadfn returned; meaningful if the thread was seen to exit or a kthread_stop returned.
	Result int64
	Ending Ending
	Ended  string // the ending in words
	// Inexact says that request and thread were matched by threadfn and argument only, because the requester was killed
	// and its stack says nothing more.
	Inexact    bool
	Background bool
	// Unknown names the facts (as in the JSON of package result) that are missing because nothing could record them.
	Unknown []string

	fn, data    uint64
	known       uint64 // the first event about it, if no stage says more
	forkRet     int64
	failed      bool // kernel_thread refused
	surelyAlive bool
	merged      bool // another record of the same thread absorbed this one
}

// Stop is one call of kthread_stop. Returned is 0 while it waits.
type Stop struct {
	By       Actor
	Asked    uint64
	Returned uint64
	Result   int64
}

func (t *Thread) began() uint64 {
	first := firstOf(t.Requested, t.PickedUp, t.Forked, t.FirstRun, t.Created, t.Woken, t.Function, t.StopSeen, t.Exited,
		t.Freed)
	if len(t.Stops) > 0 {
		first = firstOf(first, t.Stops[0].Asked)
	}
	if len(t.Parks) > 0 {
		first = firstOf(first, t.Parks[0].Asked, t.Parks[0].Parked)
	}
	if len(t.Works) > 0 {
		first = firstOf(first, t.Works[0].Queued, t.Works[0].Started)
	}
	if len(t.Wakeups) > 0 {
		first = firstOf(first, t.Wakeups[0].At)
	}
	return firstOf(first, t.known)
}

// taken reports whether the request has found its thread.
func (t *Thread) taken() bool { return t.PickedUp != 0 || t.Task.PID != 0 || t.merged }

// covers reports whether the thread may have been the task with its pid at that moment.
func (t *Thread) covers(at uint64) bool {
	end := max(t.Exited, t.Freed)
	return at >= t.began() && (end == 0 || at <= end)
}

// workKey is what a request and its pick-up share besides the stack.
type workKey struct{ fn, data uint64 }

// openCall is a call of kthread_stop or kthread_park that has not returned.
type openCall struct {
	thread *Thread
	index  int
}

// taskID identifies a task: by the address of its task_struct, which stays its own while anybody holds it, or by its
// pid if the record has no address. Kernel addresses never equal pids.
type taskID uint64

func idOf(t event.Task) taskID {
	if t.Addr != 0 {
		return taskID(t.Addr)
	}
	return taskID(t.PID)
}

// threadJoin holds the open identities. A requester waits until its thread is created, so a stack and a requester have
// at most one open request. A create pointer is open from the pick-up until both kthreadd and the new thread were seen;
// then its memory may be reused.
type threadJoin struct {
	all      []*Thread
	byAsker  map[taskID]*Thread
	byStack  map[uint64]*Thread
	waiting  map[workKey][]*Thread // requested, not picked up, oldest first
	byCreate map[uint64]*Thread
	byAddr   map[uint64]*Thread
	byPID    map[uint32][]*Thread // not freed, oldest first
	stops    map[taskID]openCall  // by the task that waits in kthread_stop
	parks    map[taskID]openCall  // by the task that waits in kthread_park
}

func newThreadJoin() threadJoin {
	return threadJoin{
		byAsker:  map[taskID]*Thread{},
		byStack:  map[uint64]*Thread{},
		waiting:  map[workKey][]*Thread{},
		byCreate: map[uint64]*Thread{},
		byAddr:   map[uint64]*Thread{},
		byPID:    map[uint32][]*Thread{},
		stops:    map[taskID]openCall{},
		parks:    map[taskID]openCall{},
	}
}

func (b *builder) addThread(e *event.Event) {
	switch e.Kind {
	case event.ThreadRequested:
		b.threadRequested(e)
	case event.ThreadPickedUp:
		b.threadPickedUp(e)
	case event.ThreadForked:
		b.threadForked(e)
	case event.ThreadFirstRun:
		b.threadFirstRun(e)
	case event.ThreadCreated:
		b.threadCreated(e)
	case event.ThreadWoken:
		if t := b.threads.find(e.Target); t != nil && t.Woken == 0 {
			t.Woken, t.WokenBy = e.Time, e.By
		}
	case event.ThreadFunction:
		t := b.threads.findOrAdd(e.By, e.Time)
		setOnce(&t.Function, e.Time)
		b.setFunc(t, e)
		t.name(e.By)
	case event.ThreadStopAsked:
		b.stopAsked(e)
	case event.ThreadStopSeen:
		t := b.threads.findOrAdd(e.By, e.Time)
		setOnce(&t.StopSeen, e.Time)
	case event.ThreadStopReturned:
		if open, ok := b.threads.stops[idOf(e.By)]; ok {
			stop := &open.thread.Stops[open.index]
			stop.Returned, stop.Result = e.Time, e.Ret
			delete(b.threads.stops, idOf(e.By))
		}
	case event.TaskFreed:
		b.threadFreed(e)
	default:
		b.addThreadMore(e)
	}
}

func (b *builder) threadRequested(e *event.Event) {
	t := b.threads.add()
	t.Requested, t.Requester, t.Format = e.Time, b.actor(e), e.Text
	t.data, t.Node = e.Data, int32(e.Arg)
	b.setFunc(t, e)
	b.threads.byAsker[idOf(e.By)] = t
	b.threads.byStack[e.Ptr&stackMask] = t
	key := workKey{e.Func, e.Data}
	waiting := append(b.threads.waiting[key], t)
	b.threads.waiting[key] = waiting[max(0, len(waiting)-maxWaiting):]
}

// threadPickedUp finds the request by the completion that the requester keeps on its own stack. A killed requester
// takes its completion away (Aux is 0); only then threadfn and argument must suffice.
func (b *builder) threadPickedUp(e *event.Event) {
	j := &b.threads
	key := workKey{e.Func, e.Data}
	var t *Thread
	if e.Aux != 0 {
		t = j.byStack[e.Aux&stackMask]
		delete(j.byStack, e.Aux&stackMask)
		if t != nil && (t.taken() || t.fn != e.Func || t.data != e.Data) {
			t = nil // left over from a request whose end was lost
		}
	} else if t = j.oldestWaiting(key); t != nil {
		t.Inexact = true
	}
	if t == nil {
		t = j.add()
		t.data = e.Data
		b.setFunc(t, e)
	}
	t.PickedUp = e.Time
	j.trimWaiting(key)
	j.byCreate[e.Ptr] = t
}

func (b *builder) threadForked(e *event.Event) {
	j := &b.threads
	t := j.byCreate[e.Ptr]
	if t == nil || t.Forked != 0 {
		return
	}
	t.Forked = e.Time
	if e.Ret <= 0 {
		t.failed, t.forkRet = true, e.Ret
		delete(j.byCreate, e.Ptr)
		return
	}
	if t.FirstRun != 0 {
		delete(j.byCreate, e.Ptr)
		return
	}
	t.Task = event.Task{PID: uint32(e.Ret), TGID: uint32(e.Ret), Kthread: true}
	j.open(t)
}

func (b *builder) threadFirstRun(e *event.Event) {
	j := &b.threads
	t := j.byCreate[e.Ptr]
	if t == nil || t.FirstRun != 0 || (t.Task.PID != 0 && t.Task.PID != e.By.PID) {
		t = j.add()
	}
	t.FirstRun = e.Time
	b.setFunc(t, e)
	if t.Task.PID == 0 {
		t.Task = event.Task{PID: e.By.PID, TGID: e.By.TGID, Kthread: true}
		j.open(t)
	}
	j.learnAddress(t, e.By)
	if t.Forked != 0 || j.byCreate[e.Ptr] != t {
		delete(j.byCreate, e.Ptr)
	}
}

// threadCreated comes from the requester and closes that task's request.
func (b *builder) threadCreated(e *event.Event) {
	j := &b.threads
	t := j.byAsker[idOf(e.By)]
	delete(j.byAsker, idOf(e.By))
	if e.Ret == 0 && e.Target.PID != 0 && (t == nil || t.Task.PID != e.Target.PID) {
		t = j.createdAnyway(t, e.Target)
	}
	if t == nil {
		return
	}
	if t.Requested == 0 && t.Requester.PID == 0 {
		t.Requester = b.actor(e)
	}
	t.Created, t.CreateRet, t.Flags = e.Time, e.Ret, uint32(e.Data)
	if e.Ret == 0 {
		t.name(e.Target)
	}
}

// createdAnyway finds the thread that a request led to if the records between the two were lost. The requester itself
// names the thread, so this join is exact too. asked is the requester's open request, nil if that was lost as well.
func (j *threadJoin) createdAnyway(asked *Thread, task event.Task) *Thread {
	if asked != nil && asked.Task.PID != 0 {
		asked = nil // a request that ended unseen
	}
	t := j.find(task)
	if t != nil && (t.Created != 0 || t.Requested != 0 || asked != nil && t.began() < asked.Requested) {
		t = nil // an earlier thread with this pid
	}
	switch {
	case t == nil && asked == nil:
		t = j.add()
	case t == nil:
		t = asked
	case asked != nil:
		t.Requested, t.Requester, t.Format, t.Node = asked.Requested, asked.Requester, asked.Format, asked.Node
		asked.merged = true
	}
	if t.Task.PID == 0 {
		t.Task = task
		j.open(t)
	}
	j.learnAddress(t, task)
	return t
}

func (b *builder) stopAsked(e *event.Event) {
	if e.Target.PID == 0 {
		return
	}
	t := b.threads.findOrAdd(e.Target, e.Time)
	t.Stops = append(t.Stops, Stop{By: b.actor(e), Asked: e.Time})
	b.threads.stops[idOf(e.By)] = openCall{t, len(t.Stops) - 1}
}

func (b *builder) threadExited(e *event.Event) {
	by := idOf(e.By)
	delete(b.threads.stops, by)
	delete(b.threads.parks, by)
	delete(b.threads.byAsker, by)
	if t := b.threads.find(e.By); t != nil && t.Exited == 0 && e.By.Kthread {
		t.Exited, t.Result = e.Time, e.Ret
		t.name(e.By)
	}
}

// threadFreed ends an identity. Without an address it closes the oldest dead thread with the pid: a pid is reused once
// its task is dead, while the task may be held for long after.
func (b *builder) threadFreed(e *event.Event) {
	j := &b.threads
	list := j.byPID[e.Target.PID]
	at := -1
	for i, t := range list {
		if e.Target.Addr != 0 && t.Task.Addr == e.Target.Addr {
			at = i
			break
		}
		strange := e.Target.Addr != 0 && t.Task.Addr != 0
		if at < 0 && !strange && (t.Exited != 0 || i == len(list)-1) {
			at = i
		}
	}
	delete(j.byAddr, e.Target.Addr)
	if at < 0 {
		return
	}
	if t := list[at]; j.byAddr[t.Task.Addr] == t {
		delete(j.byAddr, t.Task.Addr)
	}
	list[at].Freed = e.Time
	j.byPID[e.Target.PID] = append(list[:at:at], list[at+1:]...)
}

// setFunc resolves the threadfn while its module is still there.
func (b *builder) setFunc(t *Thread, e *event.Event) {
	if t.fn == 0 && e.Func != 0 {
		t.fn, t.Func = e.Func, b.function(e.Func, e.Time)
	}
}

// name keeps the first real name; a thread is called kthreadd until its requester names it.
func (t *Thread) name(task event.Task) {
	if (t.Task.Comm == "" || t.Task.Comm == "kthreadd") && task.Comm != "" {
		t.Task.Comm = task.Comm
	}
}

func (j *threadJoin) add() *Thread {
	t := &Thread{}
	j.all = append(j.all, t)
	return t
}

// open makes t the thread of its pid.
func (j *threadJoin) open(t *Thread) {
	list := append(j.byPID[t.Task.PID], t)
	if len(list) > maxSamePID {
		list = list[1:]
	}
	j.byPID[t.Task.PID] = list
}

// find returns the thread that a task is, nil if none was seen. The address decides. Without an address, several
// threads may share a pid while a dead one is still held: then the name decides, else the youngest wins.
func (j *threadJoin) find(task event.Task) *Thread {
	if t := j.byAddr[task.Addr]; task.Addr != 0 && t != nil && t.Task.PID == task.PID {
		return t
	}
	var youngest, named *Thread
	for _, t := range j.byPID[task.PID] {
		if task.Addr != 0 && t.Task.Addr != 0 {
			continue // another task
		}
		youngest = t
		if t.Task.Comm == task.Comm {
			named = t
		}
	}
	if named != nil {
		youngest = named
	}
	if youngest != nil {
		j.learnAddress(youngest, task)
	}
	return youngest
}

// learnAddress gives a thread its address, the first time that a record has it.
func (j *threadJoin) learnAddress(t *Thread, task event.Task) {
	if task.Addr != 0 && t.Task.Addr == 0 {
		t.Task.Addr = task.Addr
		j.byAddr[task.Addr] = t
	}
}

// findOrAdd is find for events that only kernel threads cause: a thread that existed before the trace began gets a life
// without a beginning.
func (j *threadJoin) findOrAdd(task event.Task, at uint64) *Thread {
	t := j.find(task)
	if t == nil {
		t = j.add()
		t.Task, t.known = task, at
		j.open(t)
		if task.Addr != 0 {
			j.byAddr[task.Addr] = t
		}
	}
	return t
}

// oldestWaiting prefers a request that its requester abandoned.
func (j *threadJoin) oldestWaiting(key workKey) *Thread {
	j.trimWaiting(key)
	list := j.waiting[key]
	for _, t := range list {
		if t.Created != 0 && !t.taken() {
			return t
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func (j *threadJoin) trimWaiting(key workKey) {
	list := j.waiting[key]
	for len(list) > 0 && list[0].taken() {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(j.waiting, key)
		return
	}
	j.waiting[key] = list
}

// returnWords prints a result, with the name of its errno if it has one.
func returnWords(ret int64) string {
	if name := errnoName(ret); name != "" {
		return fmt.Sprintf("%d (%s)", ret, name)
	}
	return fmt.Sprint(ret)
}
