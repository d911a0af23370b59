// SPDX-License-Identifier: MIT

// Package result holds what a run found out: the data behind every report and the JSON contract (schema
// kmodlab.result/1, docs/ARCHITECTURE.md). It is plain data, without behaviour that touches the system.
package result

import "strconv"

// Schema names the JSON contract. Fields may be added under the same name; a change of meaning changes the number.
const Schema = "kmodlab.result/1"

// Result is everything about one run. Times whose name ends in _ns are nanoseconds since the first event of the modules
// under study (those of Background members may be negative); a null time means "not seen". Slices are never null in
// JSON: see Normalize.
type Result struct {
	Schema string `json:"schema"`
	// Title is what the run is called: the folder's name, the modules', or the command of a trace.
	Title string `json:"title,omitempty"`
	// Folder is that of the sources, as it was named; of a path out of the working folder, the last part.
	Folder   string    `json:"folder,omitempty"`
	Date     string    `json:"date,omitempty"` // when the run began: RFC 3339, UTC
	Verdict  Verdict   `json:"verdict"`
	Machine  Machine   `json:"machine"`
	Phases   []Phase   `json:"phases"`
	Modules  []Module  `json:"modules"`
	Threads  []Thread  `json:"threads"`
	Requests []Request `json:"requests"`
	Signals  []Signal  `json:"signals"`
	Messages []Message `json:"messages,omitempty"`
	// Tests are the programs that ran beside the modules, in order. Processes and Calls are what the trace saw of them.
	Tests     []Test    `json:"tests,omitempty"`
	Processes []Process `json:"processes,omitempty"`
	Calls     []Call    `json:"calls,omitempty"`
	// Expectations are what a person expected of the run.
	Expectations []Expected `json:"expectations,omitempty"`
	// Artifacts are the files of the guest that were to be brought back.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Failures are the calls that were to fail, and Exits the tasks that were to end, as asked for.
	Failures []FailedCall `json:"failures,omitempty"`
	Exits    []TargetExit `json:"exits,omitempty"`
	Hooks    []Hook       `json:"hooks"`
	// Unknown maps the kinds of record that may be missing to the reason: nothing records them on this kernel, or the
	// hook was not proved. The members' own Unknown says what that hides.
	Unknown map[string]string `json:"unknown,omitempty"`
	Dropped Dropped           `json:"dropped"`
	// LogLost counts lines of the kernel's log that could not be read in time, or were too many to keep.
	LogLost int     `json:"log_lost,omitempty"`
	Crashes []Crash `json:"crashes"`
	// Unrelated are reports of the kernel in which the modules took no part: from before the first step, or of a starved
	// guest.
	Unrelated []Crash `json:"unrelated,omitempty"`
	// Taint says in words what the run added to the kernel's taint mask: out-of-tree module, proprietary module, …
	Taint []string   `json:"taint,omitempty"`
	Leaks []Leftover `json:"leaks,omitempty"`
	// Keepers are what held the modules whose unload was refused.
	Keepers []Keeper `json:"keepers,omitempty"`
	// Misuse is what the modules did wrong according to the trace, although the kernel did not notice.
	// Unpaired are calls that take something which the module has no way to give back. Unchecked says which functions the
	// modules import of whose things nothing is known.
	Misuse    []Misuse    `json:"misuse,omitempty"`
	Unpaired  []Unpaired  `json:"unpaired,omitempty"`
	Unchecked []Unchecked `json:"unchecked,omitempty"`
	Stuck     []Stuck     `json:"stuck,omitempty"`
	// Contradictions between what the guest says of its modules and the trace, a sentence each, without a stop.
	Contradictions []string  `json:"contradictions,omitempty"`
	Witness        *Witness  `json:"witness,omitempty"` // nil if the guest was not to be looked at from outside
	Commands       []Command `json:"commands"`
	// Warnings are what the tools said of a build that succeeded, about the person's own files, and the licences that
	// taint the kernel.
	Warnings []Warning `json:"warnings,omitempty"`
	Console  string    `json:"console"`
	// Sources says where in the person's sources the places in modules are that stacks and sites name (function+0x1c
	// [module], see Places).
	Sources map[string]Source `json:"sources,omitempty"`
}

// Source is a position in the sources of a module, with the lines around it.
type Source struct {
	File   string `json:"file"` // relative to the sources' folder
	Line   int    `json:"line"`
	Source []Line `json:"source,omitempty"`
}

// Warning is one complaint about sources that build, or about a module that loads.
type Warning struct {
	File   string `json:"file,omitempty"`   // relative to the sources' folder
	Line   int    `json:"line,omitempty"`   // from 1; 0 if unknown
	Column int    `json:"column,omitempty"` // from 1; 0 if unknown
	Text   string `json:"text"`
}

// String returns file:line:col: text, as editors parse it.
func (w Warning) String() string {
	s := w.File
	for _, n := range []int{w.Line, w.Column} {
		if n > 0 {
			s += ":" + strconv.Itoa(n)
		}
	}
	if s != "" {
		s += ": "
	}
	return s + w.Text
}

// Verdict is the one answer of a run.
type Verdict struct {
	Class   Class  `json:"class"`
	Message string `json:"message"`        // what happened, in one sentence
	Hint    string `json:"hint,omitempty"` // what the person can do next
	// Evidence holds the lines that the verdict rests on: from the kernel's log, from a task's stack, from what was
	// left behind.
	Evidence []string `json:"evidence,omitempty"`
	// Also holds the other verdicts that apply, mostly consequences of this one.
	Also []Verdict `json:"also,omitempty"`
}

// Leftover is something that existed after unload and not before load.
type Leftover struct {
	Kind string `json:"kind"`           // reference, memory, registration, resource, timer, work, file, device
	What string `json:"what"`           // in words: 1024 bytes, /proc/x
	Site string `json:"site,omitempty"` // where it was acquired, if known
	// File and Line locate the site in the person's sources, if the module has debug information.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Undo is the function that gives it back, if that is known. NoUndo means that the module does not even import it.
	Undo   string `json:"undo,omitempty"`
	NoUndo bool   `json:"no_undo,omitempty"`
}

// Witness is what the host has seen in the guest's memory, before the first module and at the end.
type Witness struct {
	Why      string `json:"why,omitempty"` // nothing was seen at the end
	Begun    bool   `json:"begun"`         // it was looked at before the first module
	Modules  int    `json:"modules"`       // loaded at the end
	Tasks    int    `json:"tasks"`         // threads at the end
	Programs int    `json:"programs"`      // of eBPF
	// Differences are a sentence each, without a stop: what the guest says of itself, and what its memory has; or what the
	// kernel was before the first module, and what it is at the end.
	Differences []string `json:"differences"`
	// Hooked are the kernel's functions that have a kprobe or a hook of ftrace at the end, and had none before the first
	// module.
	Hooked []string `json:"hooked,omitempty"`
	Stayed []string `json:"stayed,omitempty"` // modules that are loaded at the end, and were not before
}

// Unpaired is a call with which a module takes something, although it imports no function that gives it back. That
// alone is no leak: the call may never be made.
type Unpaired struct {
	Module   string `json:"module"`
	What     string `json:"what"`     // in words: a kprobe
	Function string `json:"function"` // of the kernel, which is called: register_kprobe
	Undo     string `json:"undo"`     // what would give it back: unregister_kprobe
	Site     string `json:"site"`     // where the call returns to
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Misuse is something that a module did wrong, according to the kernel's trace.
type Misuse struct {
	Kind  string `json:"kind"`  // double free
	Site  string `json:"site"`  // where
	First string `json:"first"` // where the memory was freed first
	// File and Line locate the site in the person's sources, FirstFile and FirstLine the other one.
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	FirstFile string `json:"first_file,omitempty"`
	FirstLine int    `json:"first_line,omitempty"`
}

// Unchecked is something that is not looked for although a module takes it.
type Unchecked struct {
	Module   string `json:"module"`
	What     string `json:"what"`     // in words: references to paths
	Function string `json:"function"` // that the module imports: kern_path
	Why      string `json:"why"`
}

// Stuck is a task that made no progress when a deadline passed.
type Stuck struct {
	Comm string `json:"comm"`
	PID  int    `json:"pid"`
	// State is running, or the kind of wait: interruptible, uninterruptible.
	State string `json:"state"`
	Site  string `json:"site,omitempty"` // where in the modules under study the task is
	File  string `json:"file,omitempty"` // of the site
	Line  int    `json:"line,omitempty"`
	// Wait is the kernel function that the task waits in, "" while it runs.
	Wait string `json:"wait,omitempty"`
	// Of is init, exit, work or thread if the site is the last call of such a function of the module: it became a jump
	// and is not in the stack.
	Of string `json:"of,omitempty"`
	// Object is the variable that it waits for, and Holder the task that holds it, if they are known.
	Object string   `json:"object,omitempty"`
	Holder string   `json:"holder,omitempty"`
	Ends   bool     `json:"ends,omitempty"`  // the wait ends by itself, after a time
	Note   string   `json:"note,omitempty"`  // more about the task, in words
	Stack  []string `json:"stack,omitempty"` // innermost first
	Step   bool     `json:"step,omitempty"`  // this is the command that did not end
}

// Running is the state of a task that waits for nothing.
const Running = "running"

// Itself is the holder of what a task waits for and holds already.
const Itself = "itself"

// Machine says where the run took place.
type Machine struct {
	Kernel      string `json:"kernel"`       // uname -r
	Name        string `json:"name"`         // as requested: debian:bookworm
	Accel       string `json:"accel"`        // kvm, tcg, or none with --here
	AccelReason string `json:"accel_reason"` // why this accelerator
	QEMU        string `json:"qemu"`
	CPUs        int    `json:"cpus"`
	MemoryMiB   int    `json:"memory_mib"`
	Warm        bool   `json:"warm"`
}

// Phase is one stretch of the host's work.
type Phase struct {
	Name   string  `json:"name"` // fetch, build, boot, attach, watch, load, run, unload, leaks, report
	MS     float64 `json:"ms"`
	Cached bool    `json:"cached"`
	Where  string  `json:"where,omitempty"` // build: vm, sandbox or here
}

// Command is a command that ran in the guest, as a person would type it.
type Command struct {
	Argv   []string `json:"argv"`
	Output string   `json:"output"`
	Exit   int      `json:"exit"`
	MS     float64  `json:"ms"`
	Cached bool     `json:"cached"` // not run this time: its earlier effect is still in place
}

// Module is one module that the run loaded, in load order.
type Module struct {
	Name     string   `json:"name"` // underscore form
	Depends  []string `json:"depends"`
	InitMS   float64  `json:"init_ms"`
	InitRet  int64    `json:"init_ret"`
	Loaded   bool     `json:"loaded"`
	Unloaded bool     `json:"unloaded"`
	By       *Task    `json:"by,omitempty"`       // who called finit_module
	FreedBy  *Task    `json:"freed_by,omitempty"` // who called delete_module
	// LoadedNS and FreedNS are nil if the trace did not see the moment.
	LoadedNS   *int64 `json:"loaded_ns"`
	FreedNS    *int64 `json:"freed_ns"`
	Background bool   `json:"background"`
	// Refs are references taken and dropped, in order. If there are very many, it holds only the last, and RefsBefore
	// counts those before them. Refcount is what remains of them, nil if none was seen.
	Refs       []Ref    `json:"refs,omitempty"`
	RefsBefore int      `json:"refs_before,omitempty"`
	Refcount   *int     `json:"refcount,omitempty"`
	Unknown    []string `json:"unknown,omitempty"` // facts that nothing recorded
}

// Ref is one reference to a module, taken or dropped.
type Ref struct {
	AtNS  int64 `json:"at_ns"`
	Put   bool  `json:"put"`   // dropped
	Count int   `json:"count"` // references after it, as lsmod shows them
	By    Task  `json:"by"`    // with the call site
}

// Task names a task, with the place in code from which it acted, if known. A process goes by its process id, whichever
// of its threads acted.
type Task struct {
	Comm string `json:"comm"`
	PID  int    `json:"pid"`
	Site string `json:"site,omitempty"`
}

// Thread is the life of one kernel thread.
type Thread struct {
	Name      string       `json:"name"`
	PID       int          `json:"pid"`
	Function  string       `json:"function"`
	Requester Task         `json:"requester"`
	Stages    ThreadStages `json:"stages_ns"`
	WokenBy   *Task        `json:"woken_by,omitempty"`
	StoppedBy *Task        `json:"stopped_by,omitempty"`
	Stops     int          `json:"stops"`              // how often kthread_stop was called
	StopRet   *int64       `json:"stop_ret,omitempty"` // what the first kthread_stop returned
	Result    int64        `json:"result"`
	Alive     bool         `json:"alive"`
	Ended     string       `json:"ended"`  // in words: returned 0, still alive, not created: -ENOMEM
	Ending    string       `json:"ending"` // the same as one of the names in package timeline: stopped, by-itself, …
	// Inexact says that request and thread were matched by function and argument only.
	Inexact    bool     `json:"inexact,omitempty"`
	Background bool     `json:"background"`
	CreateRet  *int64   `json:"create_ret,omitempty"` // what the requester got: 0 or -errno
	Flags      []string `json:"flags,omitempty"`      // of the new task: PF_KTHREAD, PF_NOFREEZE, …
	Node       *int     `json:"node,omitempty"`       // requested memory node
	CPU        *int     `json:"cpu,omitempty"`        // the CPU that it is bound to
	Stack      []string `json:"stack,omitempty"`      // of the requester, innermost first
	StopCalls  []Stop   `json:"stop_calls,omitempty"` // every kthread_stop
	Parks      []Park   `json:"parks,omitempty"`
	Works      []Work   `json:"works,omitempty"`   // of a kthread_worker
	Wakeups    []Wakeup `json:"wakeups,omitempty"` // by tests and what they started, while it ran its function
	Unknown    []string `json:"unknown,omitempty"` // facts that nothing recorded
}

// Stop is one call of kthread_stop. Ret is nil while it waits.
type Stop struct {
	By         Task     `json:"by"`
	AskedNS    int64    `json:"asked_ns"`
	ReturnedNS *int64   `json:"returned_ns"`
	Ret        *int64   `json:"ret"`
	Stack      []string `json:"stack,omitempty"`
}

// Park is one stay of a thread in kthread_park.
type Park struct {
	By         *Task  `json:"by,omitempty"`
	AskedNS    *int64 `json:"asked_ns"`
	ParkedNS   *int64 `json:"parked_ns"`
	ReturnedNS *int64 `json:"returned_ns"`
	Ret        *int64 `json:"ret"`
	UnparkedBy *Task  `json:"unparked_by,omitempty"`
	UnparkedNS *int64 `json:"unparked_ns"`
}

// Work is one run of a kthread_work; work that is queued again is another Work.
type Work struct {
	Function  string `json:"function"`
	By        *Task  `json:"by,omitempty"` // who queued it
	QueuedNS  *int64 `json:"queued_ns"`
	StartedNS *int64 `json:"started_ns"`
	EndedNS   *int64 `json:"ended_ns"`
}

// ThreadStages are the times of a kernel thread's life.
type ThreadStages struct {
	Requested    *int64 `json:"requested"`
	PickedUp     *int64 `json:"picked_up"`
	FirstRun     *int64 `json:"first_run"`
	Created      *int64 `json:"created"`
	Woken        *int64 `json:"woken"`
	Function     *int64 `json:"function"`
	StopAsked    *int64 `json:"stop_asked"`
	StopSeen     *int64 `json:"stop_seen"`
	Exited       *int64 `json:"exited"`
	StopReturned *int64 `json:"stop_returned"`
	Freed        *int64 `json:"freed"`
	ModuleFreed  *int64 `json:"module_freed,omitempty"` // its function's module was freed while it was alive
}

// Request is one call of request_module.
type Request struct {
	Name     string        `json:"name"`
	By       Task          `json:"by"`
	Wait     bool          `json:"wait"`
	Returned *int64        `json:"returned"` // as the caller sees it; nil while it waits
	Meaning  string        `json:"meaning"`  // Returned in words
	Helper   *Helper       `json:"helper"`   // nil if the kernel started none
	Loaded   []string      `json:"loaded"`
	Stages   RequestStages `json:"stages_ns"`
	// Background members do not concern the modules under study.
	Background bool `json:"background"`
	// ThrottledNS is how long the request waited in the limiter of concurrent helpers.
	ThrottledNS *int64 `json:"throttled_ns,omitempty"`
	// Duplicate says that another request for the same name was in progress, so that no modprobe ran for this one.
	Duplicate bool           `json:"duplicate,omitempty"`
	Modules   []LoadedModule `json:"modules,omitempty"` // what is known about those in Loaded
	Stack     []string       `json:"stack,omitempty"`   // of the caller, innermost first
	Unknown   []string       `json:"unknown,omitempty"` // facts that nothing recorded
}

// LoadedModule is a module that a helper loaded. Its fields are nil while its init runs.
type LoadedModule struct {
	Name    string `json:"name"`
	InitNS  *int64 `json:"init_ns"` // how long its init took
	InitRet *int64 `json:"init_ret"`
}

// Helper is the user-space program that the kernel ran for a request.
type Helper struct {
	Path string   `json:"path"`
	Argv []string `json:"argv"`
	PID  int      `json:"pid"`
	Exit *int     `json:"exit"` // exit status; 128+n if signal n ended it; nil while it runs
	Env  []string `json:"env,omitempty"`
	// KilledBy is the signal that ended it, such as SIGKILL.
	KilledBy string `json:"killed_by,omitempty"`
	// NotExecuted says that Path could not be executed; in that case there is no Exit.
	NotExecuted bool `json:"not_executed,omitempty"`
}

// RequestStages are the times of a request.
type RequestStages struct {
	Asked     *int64 `json:"asked"`
	Named     *int64 `json:"named"`     // the name is known
	Throttled *int64 `json:"throttled"` // the limiter let it through
	Queued    *int64 `json:"queued"`
	Forked    *int64 `json:"forked"`
	Exec      *int64 `json:"exec"`
	Loaded    *int64 `json:"loaded"`
	Exited    *int64 `json:"exited"`
	Waited    *int64 `json:"waited"`    // the kernel has got the helper's status
	Duplicate *int64 `json:"duplicate"` // has waited for another request
	Returned  *int64 `json:"returned"`
}

// Outcome is what became of a signal.
type Outcome string

// The outcomes of a signal.
const (
	Consumed   Outcome = "consumed"  // a kernel thread took it (dequeued or flushed)
	Delivered  Outcome = "delivered" // a process's handler or default action got it
	Ignored    Outcome = "ignored"
	Blocked    Outcome = "blocked"
	Pending    Outcome = "pending"
	Coalesced  Outcome = "coalesced"
	LostSignal Outcome = "lost"
	NotASignal Outcome = "not-a-signal"
	Unknown    Outcome = "unknown" // the trace could not see it
)

// Signal is one signal and what became of it.
type Signal struct {
	Signo      int     `json:"signo"` // 0 with the outcome not-a-signal
	Name       string  `json:"name"`
	From       Task    `json:"from"`
	To         Task    `json:"to"`
	Outcome    Outcome `json:"outcome"`
	Reason     string  `json:"reason"`
	SentNS     int64   `json:"sent_ns"`
	ConsumedNS *int64  `json:"consumed_ns"`
	Site       string  `json:"site"` // where it was consumed
	Background bool    `json:"background"`
	Group      bool    `json:"group"`             // sent to a process, not to one thread
	Sender     string  `json:"sender"`            // module, syscall or kernel; empty if not known
	Syscall    string  `json:"syscall,omitempty"` // kill, tgkill, …
	// Siginfo is what the sender passed along; nil if the send was not seen.
	Siginfo *Siginfo `json:"siginfo,omitempty"`
	// TargetState is what the target was doing when the signal was sent: running, or in an interruptible, killable or
	// uninterruptible wait.
	TargetState string   `json:"target_state,omitempty"`
	Unknown     []string `json:"unknown,omitempty"` // facts that nothing recorded
}

// Siginfo is what the sender of a signal passed along.
type Siginfo struct {
	Code int64  `json:"code"`
	Name string `json:"name"` // SI_USER, SI_TKILL, …
	PID  int    `json:"pid"`
	UID  int    `json:"uid"`
}

// Message is one line that a module under study printed. Of a module that prints without end, the first and the last
// lines are kept.
type Message struct {
	AtNS  *int64 `json:"at_ns"`
	Level string `json:"level"` // a level of the log, or default: printk without one; empty if it is not known
	// Module is empty if several modules under study print the same.
	Module string `json:"module"`
	Task   *Task  `json:"task"` // who printed it; nil if it is not known
	Text   string `json:"text"`
	// Omitted is how many lines of the module, after this one, are not kept.
	Omitted int `json:"omitted,omitempty"`
}

// The levels of messages, from the most to the least severe.
const (
	LevelEmerg   = "emerg"
	LevelAlert   = "alert"
	LevelCrit    = "crit"
	LevelErr     = "err"
	LevelWarning = "warning"
	LevelNotice  = "notice"
	LevelInfo    = "info"
	LevelDebug   = "debug"
	LevelDefault = "default" // printk without a level, which the kernel logs as a warning
)
