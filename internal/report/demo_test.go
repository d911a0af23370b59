// SPDX-License-Identifier: MIT

package report

import (
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// The demo's symbols, at the addresses of a kernel with nokaslr.
const (
	incFunc    = 0xffffffffc0603000 // signal_handling
	startup    = 0xffffffffc0609000
	shCleanup  = 0xffffffffc0603400
	sendFunc   = 0xffffffffc060d000 // send_signal
	ssInit     = 0xffffffffc0612000
	ssCleanup  = 0xffffffffc060d300
	trampoline = 0xffffffffc0400000
)

var demoSymbols = []struct {
	base, size uint64
	symbol     string
	module     string
}{
	{0xffffffff810a0000, 0x400, "__kthread_create_on_node", ""},
	{0xffffffff810a0400, 0x100, "kthread_create_on_node", ""},
	{0xffffffff810a0800, 0x200, "kthread_stop", ""},
	{0xffffffff810a0c00, 0x400, "__request_module", ""},
	{0xffffffff81090000, 0x800, "__send_signal_locked", ""},
	{0xffffffff81090800, 0x100, "do_send_sig_info", ""},
	{0xffffffff81090900, 0x100, "send_sig_info", ""},
	{0xffffffff81090a00, 0x300, "dequeue_signal", ""},
	{0xffffffff81090e00, 0x100, "kernel_dequeue_signal", ""},
	{0xffffffff81070000, 0x200, "do_one_initcall", ""},
	{0xffffffff81120000, 0x400, "do_init_module", ""},
	{0xffffffff810a1000, 0x200, "kthread", ""},
	{0xffffffff81094000, 0x200, "process_one_work", ""},
	{0xffffffff81080000, 0x800, "do_exit", ""},
	{0xffffffff81400000, 0x200, "__x64_sys_tgkill", ""},
	{incFunc, 0x200, "inc_func", "signal_handling"},
	{shCleanup, 0x80, "shutdown", "signal_handling"},
	{startup, 0x80, "startup", "signal_handling"},
	{sendFunc, 0x200, "send_signal_to_task", "send_signal"},
	{ssCleanup, 0x80, "cleanup", "send_signal"},
	{ssInit, 0x80, "init_send", "send_signal"},
	{trampoline, 0x1000, "bpf_trampoline_6442498121", "bpf"},
}

func demoResolve(addr, _ uint64) event.Site {
	for _, s := range demoSymbols {
		if addr >= s.base && addr < s.base+s.size {
			return event.Site{Symbol: s.symbol, Module: s.module, Offset: addr - s.base, Addr: addr}
		}
	}
	return event.Site{Addr: addr}
}

func proc(comm string, pid uint32) event.Task { return event.Task{PID: pid, TGID: pid, Comm: comm} }
func kthr(comm string, pid uint32) event.Task {
	return event.Task{PID: pid, TGID: pid, Comm: comm, Kthread: true}
}

var (
	kthreadd = kthr("kthreadd", 2)
	agent    = proc("kmodlab", 1)
	loader   = proc("modprobe", 85)
	k1       = kthr("K1", 89)
	helper   = proc("modprobe", 93)
	k2       = kthr("K2", 94)
	kworker  = kthr("kworker/u4:1", 30)
	remover  = proc("modprobe", 101)
)

// trace collects events; µs are counted from a moment some seconds after boot.
type trace struct{ events []event.Event }

func (t *trace) at(us uint64, kind event.Kind, e event.Event) {
	e.Time, e.Kind = 12_345_000_000+us*1000, kind
	t.events = append(t.events, e)
}

// thread is the birth of a kernel thread, from the request to its function.
func (t *trace) thread(us uint64, by, thread event.Task, stack, create, fn uint64, callers ...uint64) {
	unnamed := kthr("kthreadd", thread.PID)
	frames := append([]uint64{trampoline + 0x55, 0xffffffff810a0005, 0xffffffff810a0460}, callers...)
	t.at(us, event.ThreadRequested, event.Event{By: by, Ptr: stack, Func: fn, Arg: ^uint32(0), Text: "%s", Stack: frames})
	t.at(us+110, event.ThreadPickedUp, event.Event{By: kthreadd, CPU: 1, Ptr: create, Func: fn, Aux: stack + 0x3d20})
	t.at(us+290, event.ThreadForked, event.Event{By: kthreadd, CPU: 1, Ptr: create, Ret: int64(thread.PID)})
	t.at(us+330, event.ThreadFirstRun, event.Event{By: unnamed, Ptr: create, Func: fn})
	t.at(us+420, event.ThreadCreated, event.Event{By: by, Target: thread})
	t.at(us+450, event.ThreadWoken, event.Event{By: by, Target: thread})
	t.at(us+560, event.ThreadFunction, event.Event{By: thread, CPU: 1, Func: fn})
}

// stop is a kthread_stop that its thread obeys.
func (t *trace) stop(us uint64, by, thread event.Task, caller uint64) {
	t.at(us, event.ThreadStopAsked,
		event.Event{By: by, Target: thread, Stack: []uint64{trampoline + 0x40, 0xffffffff810a0805, caller}})
	t.at(us+240, event.ThreadStopSeen, event.Event{By: thread, CPU: 1})
	t.at(us+600, event.TaskExited, event.Event{By: thread, CPU: 1, Data: 1})
	t.at(us+910, event.ThreadStopReturned, event.Event{By: by})
	t.at(us+3000, event.TaskFreed, event.Event{By: kthr("rcu_sched", 14), Target: thread})
}

// signal is one SIGUSR1 from K2 that K1 dequeues.
func (t *trace) signal(us uint64) {
	t.at(us, event.SignalSent, event.Event{By: k2, CPU: 1, Target: k1, Arg: 10, Ret: 0x80, Func: event.HandlerKthread,
		Stack: []uint64{trampoline + 0x60, 0xffffffff81090005, 0xffffffff81090870, 0xffffffff81090940, sendFunc + 0x1a4}})
	t.at(us+20, event.SignalGenerated, event.Event{By: k2, CPU: 1, Target: k1, Arg: 10})
	t.at(us+400, event.SignalDequeued,
		event.Event{By: k1, Arg: 10,
			Stack: []uint64{trampoline + 0x60, 0xffffffff81090b00, 0xffffffff81090e40, incFunc + 0x8e}})
}

// noise is what every run has besides the modules.
func (t *trace) noise(us uint64) {
	t.at(us, event.SignalSent, event.Event{By: agent, Target: agent, Arg: 23, Data: 0,
		Stack: []uint64{0xffffffff81090005, 0xffffffff81400044}})
	t.at(us+1, event.SignalGenerated, event.Event{By: agent, Target: agent, Arg: 23})
	t.at(us+2, event.SignalDequeued, event.Event{By: agent, Arg: 23})
	t.at(us+3, event.SignalDelivered, event.Event{By: agent, Arg: 23, Func: 0x4711a0})
	t.thread(us+10, kworker, kthr("kworker/u4:9", 71), 0xffffc90000c00000, 0xffff888001000000, 0xffffffff81094000,
		0xffffffff81094040)
	t.at(us+900, event.HelperQueued,
		event.Event{By: kworker, Ptr: 0xffff888002000000, Text: "/sbin/other", Args: []string{"/sbin/other"}})
	t.at(us+901, event.HelperForked, event.Event{By: proc("kworker/u4:1", 72), Ptr: 0xffff888002000000})
	t.at(us+902, event.TaskExited, event.Event{By: proc("other", 72), Data: 1})
}

// demoEvents is the whole demo: signal_handling loaded, K1 born, its
// request_module, K2 born, two signals, a refused unload, both unloaded.
func demoEvents() []event.Event {
	t := &trace{}
	const sh, ss = 0xffffffffc0605000, 0xffffffffc060f000
	t.noise(0)
	t.at(200_000, event.ModuleLoaded,
		event.Event{By: loader, Ptr: sh, Func: incFunc, Data: startup, Text: "signal_handling"})
	t.at(200_060, event.ModuleInitBegin, event.Event{By: loader, Ptr: sh, Text: "signal_handling"})
	t.thread(200_500, loader, k1, 0xffffc90000a04000, 0xffff888003000000, incFunc, startup+0x1c, 0xffffffff81070044,
		0xffffffff81120060)
	t.at(201_020, event.ModuleInitEnd, event.Event{By: loader, Ptr: sh})
	t.at(201_100, event.SignalAllowed, event.Event{By: k1, CPU: 1, Arg: 10, Func: event.HandlerKthread})
	t.at(205_100, event.RequestAsked,
		event.Event{By: k1, Arg: 1, Text: "%s", Stack: []uint64{0xffffffff810a0c05, incFunc + 0x52, 0xffffffff810a10e0}})
	t.at(205_140, event.RequestNamed, event.Event{By: k1, Text: "send_signal"})
	t.at(205_150, event.RequestAdmitted, event.Event{By: k1, Arg: 1, Text: "send_signal"})
	t.at(205_170, event.HelperQueued,
		event.Event{By: k1, Ptr: 0xffff888002000000, Arg: 2, Text: "/sbin/modprobe",
			Args: []string{"/sbin/modprobe", "-q", "--", "send_signal"}})
	t.at(206_000, event.HelperForked, event.Event{By: proc("kworker/u4:1", 93), Ptr: 0xffff888002000000})
	t.at(207_300, event.TaskExeced, event.Event{By: helper, Text: "/sbin/modprobe"})
	t.at(210_000, event.ModuleLoaded,
		event.Event{By: event.Task{PID: 95, TGID: 93, Comm: "modprobe"}, Ptr: ss, Func: sendFunc, Data: ssInit,
			Text: "send_signal"})
	t.at(210_030, event.ModuleInitBegin,
		event.Event{By: event.Task{PID: 95, TGID: 93, Comm: "modprobe"}, Ptr: ss, Text: "send_signal"})
	t.thread(210_100, event.Task{PID: 95, TGID: 93, Comm: "modprobe"}, k2, 0xffffc90000b00000, 0xffff888003000000,
		sendFunc, ssInit+0x22, 0xffffffff81070044)
	t.at(210_900, event.ModuleInitEnd, event.Event{By: event.Task{PID: 95, TGID: 93, Comm: "modprobe"}, Ptr: ss})
	t.at(214_000, event.TaskExited, event.Event{By: event.Task{PID: 95, TGID: 93, Comm: "modprobe"}})
	t.at(214_100, event.TaskExited, event.Event{By: helper, Data: 1})
	t.at(214_105, event.SignalSent,
		event.Event{By: helper, Target: kworker, Arg: 17, Func: event.HandlerIgnore, Data: event.SentGroup,
			Stack: []uint64{0xffffffff81080400}})
	t.at(214_106, event.SignalGenerated, event.Event{By: helper, Target: kworker, Arg: 17, Ret: event.GenerateIgnored})
	t.at(214_400, event.HelperWaited, event.Event{By: kworker, Arg: 93})
	t.at(214_700, event.HelperReturned, event.Event{By: k1, Ptr: 0xffff888002000000})
	t.at(214_900, event.RequestReturned, event.Event{By: k1})
	t.signal(510_200)
	t.signal(810_450)
	t.stop(1_460_000, remover, k2, ssCleanup+0x14)
	t.at(1_462_000, event.ModuleFreed, event.Event{By: remover, Ptr: ss, Text: "send_signal"})
	t.stop(1_470_000, remover, k1, shCleanup+0x1f)
	t.at(1_476_000, event.ModuleFreed, event.Event{By: remover, Ptr: sh, Text: "signal_handling"})
	return t.events
}

func demoOptions() timeline.Options {
	return timeline.Options{AgentTGID: 1, Modules: []string{"signal_handling", "send_signal"}}
}

// inputs are what a result is made of besides the events.
type inputs struct {
	Finished, Unloaded bool
	Crashes            []result.Crash
	Dropped            result.Dropped
	Failures           []evidence.Failure
}

// resultOf runs events through the whole pure half of a run.
func resultOf(events []event.Event, in inputs) *result.Result {
	r := &result.Result{
		Machine: result.Machine{Kernel: "6.1.0-56-cloud-amd64", Name: "debian:bookworm", Accel: "tcg",
			AccelReason: "/dev/kvm is here but a guest on it stays silent", QEMU: "7.2.22", CPUs: 2, MemoryMiB: 512},
		Phases: []result.Phase{{Name: "build", MS: 17912.4, Where: "vm"}, {Name: "boot", MS: 2213},
			{Name: "fetch", MS: 3.1, Cached: true}},
		Hooks: []result.Hook{{Name: "signal_generate", Kind: "tp_btf", Attached: true, Fired: 12},
			{Name: "__kthread_parkme", Kind: "fexit", Attached: true, Fired: 3},
			{Name: "signal_wake_up_state", Kind: "fentry", Attached: true, Note: "never fires: inlined into its callers"},
			{Name: "call_usermodehelper_setup", Kind: "fentry", Note: "more than six arguments"}},
		Commands: []result.Command{{Argv: []string{"modprobe", "-r", "signal_handling"}, Exit: 1, MS: 3,
			Output: "modprobe: FATAL: Module signal_handling is in use.\n"}},
		Dropped: in.Dropped,
		Crashes: in.Crashes,
		Console: "[    1.000000] Run /init as init process\r\n[   12.345678] signal_handling: K1: current value is 1\r\n",
	}
	fill(r, timeline.Build(events, demoResolve, demoOptions()))
	r.Verdict = verdict.Judge(&evidence.Evidence{Finished: in.Finished, Unloaded: in.Unloaded, Failures: in.Failures}, r)
	return r
}

// fill copies what a timeline found.
func fill(r *result.Result, tl *timeline.Timeline) {
	threads, requests, signals, modules := verdict.FromTimeline(tl)
	r.Threads, r.Requests, r.Signals = threads, requests, signals
	planned := []result.Module{{Name: "signal_handling"}, {Name: "send_signal", Depends: []string{"signal_handling"}}}
	r.Modules = verdict.MergeModules(planned, modules)
}
