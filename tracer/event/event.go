// SPDX-License-Identifier: MIT

// Package event defines the records that the eBPF programs write and turns their bytes into values. It is pure: it
// reads no file and asks no kernel, so the host can decode what a guest with another kernel recorded.
//
// The binary layout is described once, in tracer/bpf/record.h; TestLayout checks this package against it.
package event

import (
	"fmt"
	"slices"
)

// Kind says what happened. The numbers are part of the binary layout: append, never renumber.
type Kind uint16

// The comment above each kind names the hook, then the fields of Event that the kind fills besides Time, Kind, CPU and
// By.
const (
	Invalid Kind = iota

	// Kernel threads.

	// __kthread_create_on_node entered: Ptr = base of the requester's kernel stack, Func = threadfn, Data = its
	// argument, Arg = node, Text = name format, Stack
	ThreadRequested
	// kthreadd calls kernel_thread: Ptr = kthread_create_info, Func = threadfn, Data = its argument, Aux = address of
	// the requester's completion (on the requester's stack)
	ThreadPickedUp
	// kernel_thread returned to kthreadd: Ptr = kthread_create_info, Ret = pid or -errno
	ThreadForked
	// kthread() entered by the new thread: Ptr = kthread_create_info, Func = threadfn
	ThreadFirstRun
	// __kthread_create_on_node returned to the requester: Target, Ret = 0 or -errno, Data = the new task's flags (PF_*)
	ThreadCreated
	// first wake-up after creation, by By: Target
	ThreadWoken
	// the thread is about to call its threadfn: Func = threadfn
	ThreadFunction
	// kthread_stop entered: Target, Stack
	ThreadStopAsked
	// kthread_should_stop returned true to the thread for the first time
	ThreadStopSeen
	// kthread_stop returned to its caller: Ret = the thread's result
	ThreadStopReturned
	// sched_process_exit: Ret = result of a kernel thread, else the raw wait status; Data = 1 if it was the last thread
	// of its process
	TaskExited
	// __put_task_struct: Target (By is whoever dropped the last reference)
	TaskFreed

	// request_module and its helper.

	// __request_module entered: Arg = 1 if it waits for modprobe to end, Text = name format, Stack
	RequestAsked
	// security_kernel_module_request: Text = module name
	RequestNamed
	// module_request tracepoint, past the limiter: Text = module name, Arg = wait
	RequestAdmitted
	// __request_module returned: Ret = 0, -errno or a raw wait status
	RequestReturned
	// call_usermodehelper_exec entered: Ptr = subprocess_info, Arg = UMH_* flags, Text = path, Args = argv, Env =
	// environment
	HelperQueued
	// call_usermodehelper_exec_async entered by the helper's task: Ptr = subprocess_info
	HelperForked
	// kernel_wait returned to the kworker: Arg = pid of the helper, Ret = raw wait status
	HelperWaited
	// call_usermodehelper_exec returned: Ptr = subprocess_info, Ret
	HelperReturned
	// sched_process_exec: Text = file name
	TaskExeced

	// Modules.

	// module_load tracepoint: Ptr = struct module, Func = base of the text that stays, Data = base of the init text,
	// Text = name
	ModuleLoaded
	// do_init_module entered: Ptr = struct module, Text = name
	ModuleInitBegin
	// do_init_module returned: Ptr = struct module, Ret = what the loader sees
	ModuleInitEnd
	// module_free tracepoint: Ptr = struct module, Text = name
	ModuleFreed

	// Signals.

	// __send_signal_locked entered: Target, Arg = signal, Ret = si_code, Func = the target's sa_handler, Data = Sent*
	// bits, Aux = the target's task state, Ptr = si_pid | si_uid<<32 if the sender gave a siginfo, Stack
	SignalSent
	// signal_generate tracepoint, at the time of its SignalSent if there is one: Target, Arg = signal, Ret =
	// TRACE_SIGNAL_* result
	SignalGenerated
	// dequeue_signal returned a signal to By: Arg = signal, Stack
	SignalDequeued
	// flush_signals: Target, Data = mask of pending signals (bit n-1 is signal n), 0 if there was none, Stack
	SignalFlushed
	// signal_deliver tracepoint, processes only: Arg = signal, Func = handler
	SignalDelivered
	// kernel_sigaction: Arg = signal, Func = the new handler (Handler*)
	SignalAllowed

	// Kernel threads on one CPU, and parked.

	// kthread_bind or kthread_bind_mask: Target, Arg = the CPU, or the first of the mask
	ThreadBound
	// kthread_park entered: Target, Stack
	ThreadParkAsked
	// the thread itself is about to wait in __kthread_parkme, asked by kthread_park
	ThreadParked
	// kthread_park returned: Target, Ret = 0 or -errno
	ThreadParkReturned
	// kthread_unpark entered: Target, Stack
	ThreadUnparked

	// Work items of a kthread_worker.

	// sched_kthread_work_queue_work: Ptr = kthread_work, Func = its function, Target = the worker's thread, Stack
	WorkQueued
	// sched_kthread_work_execute_start, in the worker: Ptr = kthread_work, Func
	WorkStarted
	// sched_kthread_work_execute_end, in the worker: Ptr = kthread_work (may be freed), Func
	WorkEnded

	// More of request_module and modules.

	// kmod_dup_request_exists_wait returned true (since 6.4): Text = name, Ret = what the first request got
	RequestDuplicate
	// module_get tracepoint: Ptr = struct module, Text = name, Func = call site, Arg = references now
	ModuleGot
	// module_put tracepoint: the same fields
	ModulePut
	// add_taint was called: Arg = the bit of the mask, Stack
	Tainted

	// Followed processes and their system calls on files of modules; only with tracer.Options.Calls.

	// task_newtask tracepoint in a followed process, or in a thread whose children are followed: Target = the new
	// process; not for a new thread
	ProcessForked
	// signal_deliver tracepoint in a followed process, for a signal that its own code caused and it has no handler for:
	// Arg = signal, Ret = si_code, Ptr = si_addr, Func = where in user space it was, Data = where the area of memory
	// around that begins, Aux = its offset in the file that is mapped there; PathNames = that file
	ProcessFaulted
	// the first call of a process on a file of a module: Ptr = inode, Aux = f_op, Func = struct module, Arg = File* kind,
	// Data = of a socket its family<<32 | type, Text = the file system's type; PathNames = the file
	FileMet
	// sys_enter: Arg = number of the call, see SyscallOf, Ptr and Aux as in FileMet, Func = the function that serves the
	// call, Data = descriptor, Ret = how many such calls of the process on the file there were, Numbers = 6 arguments and
	// the Op
	CallEntered
	// sys_exit, if CallEntered was recorded: Arg = number of the call, Ret
	CallReturned
	// when the tracer stops, for calls after the last one with a record: Arg = Op, Ptr and Aux as in FileMet, Ret = how
	// many there were, By = the process, without its name
	CallCounted
	// sched_waking in a followed process, of a thread of a module that runs its function: Target, Ret = how many
	// wake-ups of the thread by the process there were, Stack
	ProcessWoke
	// when the tracer stops, for wake-ups after the last one with a record: Target, Ret = how many there were, By = the
	// process, both without a name
	WakesCounted

	numKinds
)

// Bits of Event.Data for SignalSent, read from the target when the signal was sent.
const (
	SentBlocked    = 1 << iota // the target blocks the signal
	SentPending                // the same signal was already pending
	SentExiting                // the target is dying (PF_EXITING)
	SentGroup                  // sent to a process, not to one thread
	SentForce                  // the sender overrides SIG_IGN (force_sig and friends)
	SentDying                  // the target's process is being ended (SIGNAL_GROUP_EXIT)
	SentUnkillable             // the target's process is an init (SIGNAL_UNKILLABLE)
)

// Task states in SignalSent's Aux (include/linux/sched.h, the same from 5.10 to 7.3). No signal ends a wait that is not
// interruptible, except a fatal signal if the wait is killable.
const (
	StateInterruptible   = 0x1
	StateUninterruptible = 0x2
	StateWakeKill        = 0x100 // with StateUninterruptible: killable
)

// Values of sa_handler that are not addresses. Kernel threads start with HandlerIgnore for every signal; allow_signal
// sets HandlerKthread and allow_kernel_signal sets HandlerKernel (include/linux/signal.h, since 4.19).
const (
	HandlerDefault = 0
	HandlerIgnore  = 1
	HandlerKthread = 2
	HandlerKernel  = 3
)

// Results of SignalGenerated (enum in include/trace/events/signal.h).
const (
	GenerateDelivered      = 0 // queued or pending; says nothing about "blocked"
	GenerateIgnored        = 1
	GenerateAlreadyPending = 2
	GenerateOverflowFail   = 3
	GenerateLoseInfo       = 4
)

// Task names a task at the moment of the event. The zero Task means "none".
type Task struct {
	PID     uint32 // the thread's id
	TGID    uint32 // the process's id; equal to PID for kernel threads
	Comm    string // at most 15 bytes
	Kthread bool   // PF_KTHREAD
	// Addr is the address of its task_struct: unlike PID it is not reused while a reference is held. 0 if the kind does
	// not have it.
	Addr uint64
}

// String returns comm[pid], the way reports name a task.
func (t Task) String() string { return fmt.Sprintf("%s[%d]", t.Comm, t.PID) }

// Event is one decoded record. The comment at each kind says which fields it fills; the others are zero.
type Event struct {
	Time   uint64 // nanoseconds, CLOCK_MONOTONIC of the traced machine
	Kind   Kind
	CPU    uint32
	By     Task // the task that ran when the hook fired
	Target Task // the task that the event is about, if it is another one
	Arg    uint32
	Ptr    uint64 // identity of a kernel object, for exact joins
	Func   uint64
	Data   uint64
	Aux    uint64
	Ret    int64
	Text   string
	Args   []string
	Env    []string
	Stack  []uint64 // return addresses, innermost first
	// Numbers are further numbers, as many as the kind has.
	Numbers []uint64
}

// PathNames are the names of a path from its end to its beginning: the last of them may be any folder if the path is
// longer than a record has room for.
func (e *Event) PathNames() []string { return slices.Concat(e.Args, e.Env) }

// Site is a place in code: symbol+offset [module]. Module is empty for the kernel's own text, Symbol is empty if the
// address has no name.
type Site struct {
	Symbol string
	Offset uint64
	Module string
	Addr   uint64
}

// String prints the site as the kernel's %pB does: inc_func+0x8e [signal_handling].
func (s Site) String() string {
	name := fmt.Sprintf("0x%x", s.Addr)
	if s.Symbol != "" {
		name = fmt.Sprintf("%s+0x%x", s.Symbol, s.Offset)
	}
	if s.Module != "" {
		name += " [" + s.Module + "]"
	}
	return name
}

// Function prints the site without its offset: inc_func [signal_handling].
func (s Site) Function() string {
	if s.Symbol == "" {
		return s.String()
	}
	if s.Module == "" {
		return s.Symbol
	}
	return s.Symbol + " [" + s.Module + "]"
}
