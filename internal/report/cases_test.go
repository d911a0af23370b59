// SPDX-License-Identifier: MIT

package report

import (
	"slices"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// withoutKinds is a trace that lost every record of some kinds.
func withoutKinds(events []event.Event, kinds ...event.Kind) []event.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e event.Event) bool { return slices.Contains(kinds, e.Kind) })
}

// hostileEvents is the demo with names that a guest might choose to harm the reader's terminal, or has because people
// write in all scripts.
func hostileEvents() []event.Event {
	names := map[string]string{"K1": "\x1b[2J\x1b[31mK1\r", "K2": "計数スレッド", "modprobe": "Lädtß\u202e\u0301",
		"kworker/u4:1": "\xff\xfe"}
	events := demoEvents()
	for i := range events {
		e := &events[i]
		for _, comm := range []*string{&e.By.Comm, &e.Target.Comm} {
			if name, ok := names[*comm]; ok {
				*comm = name
			}
		}
		if e.Kind == event.HelperQueued {
			e.Args = []string{"/sbin/modprobe", "-q", "--", "send_signal\n\x1b]0;owned\a", string(make([]byte, 60))}
		}
	}
	return events
}

// troubleEvents shows the endings that the demo does not have.
func troubleEvents() []event.Event {
	t := &trace{}
	const m = 0xffffffffc0605000
	t.at(0, event.ModuleLoaded, event.Event{By: loader, Ptr: m, Func: incFunc, Text: "signal_handling"})
	t.at(10, event.ModuleInitBegin, event.Event{By: loader, Ptr: m, Text: "signal_handling"})
	t.thread(100, loader, k1, 0xffffc90000a04000, 0xffff888003000000, incFunc, startup+0x1c)
	t.at(5_000, event.ThreadRequested,
		event.Event{By: loader, Ptr: 0xffffc90000a04000, Func: sendFunc, Text: "worker/%d",
			Stack: []uint64{0xffffffff810a0005, startup + 0x30}})
	t.at(5_100, event.ThreadPickedUp,
		event.Event{By: kthreadd, Ptr: 0xffff888003000000, Func: sendFunc, Aux: 0xffffc90000a07d20})
	t.at(5_200, event.ThreadForked, event.Event{By: kthreadd, Ptr: 0xffff888003000000, Ret: -12})
	t.at(5_300, event.ThreadCreated, event.Event{By: loader, Ret: -12})
	t.at(5_400, event.ModuleInitEnd, event.Event{By: loader, Ptr: m, Ret: -12})
	t.at(5_500, event.ModuleFreed, event.Event{By: loader, Ptr: m, Text: "signal_handling"})
	for i, target := range []event.Task{k1, k1, k1, k1, kthr("plain", 99)} {
		us := 10_000 + 1_000*uint64(i)
		sent := event.Event{By: k2, Target: target, Arg: 10, Func: event.HandlerKthread,
			Stack: []uint64{0xffffffff81090005, sendFunc + 0x10}}
		ret := event.Event{By: k2, Target: target, Arg: 10}
		switch i {
		case 0:
			sent.Data = event.SentBlocked
		case 1:
			sent.Data, ret.Ret = event.SentPending, event.GenerateAlreadyPending
		case 2:
			sent.Arg, ret.Arg, sent.Func, ret.Ret = 9, 9, event.HandlerIgnore, event.GenerateIgnored
		case 3:
			sent.Arg, ret.Arg, ret.Ret = 40, 40, event.GenerateOverflowFail
		}
		t.at(us, event.SignalSent, sent)
		t.at(us+10, event.SignalGenerated, ret)
	}
	for i, ret := range []int64{256, -2, 9} {
		us := 20_000 + 1_000*uint64(i)
		t.at(us, event.RequestAsked, event.Event{By: k1, Arg: 1, Text: "no_such",
			Stack: []uint64{0xffffffff810a0c05, incFunc + 0x52}})
		t.at(us+500, event.RequestReturned, event.Event{By: k1, Ret: ret})
	}
	t.at(30_000, event.RequestAsked, event.Event{By: k1, Text: "later"})
	t.at(40_000, event.ThreadStopAsked,
		event.Event{By: remover, Target: k1, Stack: []uint64{0xffffffff810a0805, shCleanup + 0x1f}})
	t.at(41_000, event.SignalFlushed, event.Event{By: k1, Target: k1, Stack: []uint64{incFunc + 0x99}})
	return t.events
}

// oopsLog is what trap 3 of the labs prints on 6.1: a signal to a freed task.
const oopsLog = `[   14.201337] send_signal: K2: my pid is 94
[   14.512345] BUG: kernel NULL pointer dereference, address: 0000000000000578
[   14.512790] #PF: supervisor read access in kernel mode
[   14.513101] #PF: error_code(0x0000) - not-present page
[   14.513420] PGD 0 P4D 0 
[   14.513601] Oops: 0000 [#1] PREEMPT SMP PTI
[   14.513850] CPU: 1 PID: 94 Comm: K2 Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-1
[   14.514400] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
[   14.514900] RIP: 0010:do_send_sig_info+0x20/0xb0
[   14.515200] Code: 90 90 90 90 90 90 90 90 0f 1f 44 00 00 41 56 41 55 41 54 55 53 48 83 ec 10
[   14.516000] RSP: 0018:ffffa3c6c02f7e68 EFLAGS: 00010286
[   14.516300] RAX: 0000000000000000 RBX: 0000000000000000 RCX: 0000000000000001
[   14.517000] CR2: 0000000000000578 CR3: 000000000340a000 CR4: 0000000000750ee0
[   14.517400] Call Trace:
[   14.517600]  <TASK>
[   14.517750]  ? __die_body.cold+0x1a/0x1f
[   14.518000]  send_signal_to_task+0x8e/0x110 [send_signal]
[   14.518300]  ? __pfx_send_signal_to_task+0x10/0x10 [send_signal]
[   14.518600]  kthread+0xd7/0x100
[   14.518800]  ret_from_fork+0x1f/0x30
[   14.519000]  </TASK>
[   14.519150] Modules linked in: send_signal(OE) signal_handling(OE)
[   14.519500] CR2: 0000000000000578
[   14.519700] ---[ end trace 0000000000000000 ]---
[   14.520000] RIP: 0010:do_send_sig_info+0x20/0xb0
[   14.521000] note: K2[94] exited with irqs disabled
[   14.530000] Kernel panic - not syncing: Fatal exception
`
