// SPDX-License-Identifier: MIT

package tracer

import (
	"strings"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// place is a logical hook: what the tracer wants to hear about, and the programs that can tell, best first. Only the
// first one that this kernel accepts is used.
type place struct {
	name     string
	kinds    []event.Kind
	variants []string // names of programs in tracer/bpf
	// sifts: most calls record nothing, so a call for which the kernel did not run the program does not mean a lost
	// record.
	sifts bool
	// last: attached after all others. Of several probes at one function, the one that was attached last runs first.
	last bool
	// steady: the kernel gets here with interrupts or softirqs off, so no task is preempted inside the program. See
	// steadyFirst.
	steady bool
	// calls: attached only with Options.Calls.
	calls bool
}

// ofCalls marks a place that is attached only with Options.Calls, and that writes other kinds of record, too.
func ofCalls(p place, kinds ...event.Kind) place {
	p.calls, p.kinds = true, append(p.kinds, kinds...)
	return p
}

// steadily marks a place as steady.
func steadily(p place) place {
	p.steady = true
	return p
}

// steadyFirst is the order of the variants on a kernel that preempts its tasks in kernel code. It may preempt a task
// inside a program of type tracing (fentry, fexit, tp_btf: since 7.0 tracepoints are preemptible too), and then skips
// that program for every other task on that CPU: on 7.3 without KVM about one call in twenty was missed. Kprobes and
// classic tracepoints run with preemption off.
func (p place) steadyFirst(kind func(program string) string) []string {
	if p.steady {
		return p.variants
	}
	var first, rest []string
	for _, v := range p.variants {
		switch kind(v) {
		case "kprobe", "kretprobe", "tracepoint":
			first = append(first, v)
		default:
			rest = append(rest, v)
		}
	}
	return append(first, rest...)
}

// attachedLast marks a place as last. A kretprobe on the same function replaces the return address, which 5.10's
// unwinder then takes for the caller: the kprobe that records the stack must run before it. And a module is loaded
// before its init begins, if one function reports both.
func attachedLast(p place) place {
	p.last = true
	return p
}

// sifting marks a place that sifts.
func sifting(p place) place {
	p.sifts = true
	return p
}

// on makes a place: its first program has the place's name, others follow as NAME__suffix.
func on(name string, kind event.Kind, others ...string) place {
	p := place{name: name, kinds: []event.Kind{kind}, variants: []string{name}}
	for _, other := range others {
		p.variants = append(p.variants, name+"__"+other)
	}
	return p
}

// places are all hooks, in the order in which they are reported. fentry, fexit and tp_btf cost least and see arguments
// and result together; kprobes also reach functions that the kernel's BTF does not describe, and are steady.
var places = []place{
	attachedLast(on("thread_requested", event.ThreadRequested, "kprobe")),
	on("thread_picked_up", event.ThreadPickedUp, "kprobe"),
	on("thread_forked", event.ThreadForked, "kretprobe"),
	on("thread_first_run", event.ThreadFirstRun, "kprobe"),
	on("thread_created", event.ThreadCreated, "kretprobe"),
	on("thread_bound", event.ThreadBound, "kprobe"),
	on("thread_bound_mask", event.ThreadBound, "kprobe"),
	steadily(sifting(on("thread_woken", event.ThreadWoken))), // under pi_lock
	on("thread_function", event.ThreadFunction, "kretprobe"),
	attachedLast(on("thread_park_asked", event.ThreadParkAsked, "kprobe")),
	on("thread_parked", event.ThreadParked, "kprobe"),
	on("thread_park_returned", event.ThreadParkReturned, "kretprobe"),
	on("thread_unparked", event.ThreadUnparked, "kprobe"),
	attachedLast(on("stop_asked", event.ThreadStopAsked, "kprobe")),
	sifting(on("stop_seen", event.ThreadStopSeen, "kretprobe")),
	on("stop_returned", event.ThreadStopReturned, "kretprobe"),
	on("task_exited", event.TaskExited, "tracepoint"),
	// Nearly always from RCU's softirq, in which a kprobe would be skipped if it interrupts another one.
	steadily(on("task_freed", event.TaskFreed, "kprobe")),

	steadily(on("work_queued", event.WorkQueued, "fentry")), // under the worker's lock
	on("work_started", event.WorkStarted, "tracepoint"),
	on("work_ended", event.WorkEnded, "tracepoint"),

	attachedLast(on("request_asked", event.RequestAsked)),
	on("request_named", event.RequestNamed, "kprobe"),
	on("request_duplicate", event.RequestDuplicate),
	on("request_admitted", event.RequestAdmitted, "tracepoint"),
	on("helper_queued", event.HelperQueued, "kprobe"),
	on("helper_forked", event.HelperForked, "kprobe"),
	sifting(on("task_execed", event.TaskExeced, "tracepoint")),
	on("helper_waited", event.HelperWaited, "kretprobe"),
	on("helper_returned", event.HelperReturned, "kretprobe"),
	on("request_returned", event.RequestReturned),

	attachedLast(on("module_loaded", event.ModuleLoaded, "kprobe")),
	on("module_init_begin", event.ModuleInitBegin, "kprobe"),
	on("module_init_end", event.ModuleInitEnd, "kretprobe"),
	on("module_got", event.ModuleGot, "tracepoint"),
	on("module_put", event.ModulePut, "tracepoint"),
	on("module_freed", event.ModuleFreed, "kprobe"),
	on("tainted", event.Tainted, "kprobe"),

	// All but two run under siglock. The function's name on 5.10 comes before the kprobe.
	steadily(on("signal_sent", event.SignalSent, "old", "kprobe")),
	steadily(on("signal_generated", event.SignalGenerated)),
	steadily(sifting(on("signal_dequeued", event.SignalDequeued, "kretprobe"))),
	on("signal_flushed", event.SignalFlushed, "kprobe"),
	steadily(on("signal_delivered", event.SignalDelivered)),
	on("signal_allowed", event.SignalAllowed, "kprobe"),

	ofCalls(sifting(on("process_forked", event.ProcessForked, "tracepoint"))),
	ofCalls(sifting(on("call_entered", event.CallEntered, "tracepoint")), event.FileMet, event.CallCounted),
	ofCalls(sifting(on("call_returned", event.CallReturned, "tracepoint"))),
	ofCalls(sifting(on("call_unfinished", event.CallEntered, "tracepoint"))),
	ofCalls(sifting(on("file_opening", event.CallEntered, "kprobe"))),
	ofCalls(sifting(on("file_opened", event.CallEntered, "kretprobe"))),
	ofCalls(sifting(on("file_release", event.CallEntered, "kprobe"))),
	ofCalls(sifting(on("file_released", event.CallReturned, "kretprobe"))),
	ofCalls(steadily(sifting(on("process_faulted", event.ProcessFaulted)))),               // under siglock
	ofCalls(steadily(sifting(on("process_woke", event.ProcessWoke))), event.WakesCounted), // under pi_lock
}

// choose tries the variants in order and returns the first that works. fallback says why the first did not, if another
// one does; note says why none does, each variant separately.
func choose(variants []string, try func(program string) error) (used, fallback, note string) {
	var why []string
	for _, v := range variants {
		err := try(v)
		if err == nil {
			if len(why) > 0 {
				fallback = why[0]
			}
			return v, fallback, ""
		}
		why = append(why, firstLine(err))
	}
	return variants[0], "", strings.Join(why, "; ")
}

// firstLine keeps an error to one line: a verifier's log can have thousands.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
