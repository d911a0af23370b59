// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// interfaces are the functions between a caller and a hook: a person wants to know who called them, not which of them
// called the next.
var interfaces = map[string]bool{
	// kernel/kthread.c
	"__kthread_create_on_node": true, "kthread_create_on_node": true, "kthread_create_on_cpu": true,
	"__kthread_create_worker": true, "__kthread_create_worker_on_node": true, "kthread_create_worker": true,
	"kthread_create_worker_on_cpu": true, "kthread_create_worker_on_node": true, "kthread_run_on_cpu": true,
	"kthread_stop": true, "kthread_stop_put": true, "kthread_destroy_worker": true, "kthread_should_stop": true,
	"kthread_park": true, "kthread_unpark": true, "kthread_queue_work": true, "kthread_insert_work": true,
	"kthread_queue_delayed_work": true, "kthread_mod_delayed_work": true,
	"kthread_freezable_should_stop": true, "kthread_should_stop_or_park": true,
	// kernel/sched
	"try_to_wake_up": true, "wake_up_process": true, "wake_up_state": true, "wake_up_q": true,
	"default_wake_function": true, "autoremove_wake_function": true, "woken_wake_function": true,
	"__wake_up": true, "__wake_up_common": true, "__wake_up_common_lock": true, "__wake_up_locked": true,
	"__wake_up_sync_key": true, "swake_up_locked": true, "swake_up_one": true, "complete": true, "complete_all": true,
	"complete_with_flags": true, "signal_wake_up_state": true, "complete_signal": true,
	// kernel/kmod.c, kernel/module/kmod.c
	"__request_module": true,
	// kernel/signal.c
	"__send_signal_locked": true, "send_signal_locked": true, "__send_signal": true, "send_signal": true,
	"do_send_sig_info": true, "send_sig_info": true, "send_sig": true, "send_sig_perm": true, "do_send_specific": true,
	"group_send_sig_info": true, "__group_send_sig_info": true, "do_tkill": true, "do_rt_sigqueueinfo": true,
	"do_rt_tgsigqueueinfo": true,
	"__do_sys_kill":        true, "__se_sys_kill": true, "__do_sys_pidfd_send_signal": true, "do_pidfd_send_signal": true,
	"kill_pid": true, "kill_pid_info": true, "kill_pid_info_type": true, "kill_pid_usb_asyncio": true, "kill_pgrp": true,
	"__kill_pgrp_info": true, "kill_proc_info": true, "kill_something_info": true,
	"force_sig": true, "force_sig_info": true, "force_sig_info_to_task": true, "force_sig_fault": true,
	"force_sig_fault_to_task": true, "force_fatal_sig": true, "send_sigqueue": true,
	"dequeue_signal": true, "__dequeue_signal": true, "kernel_dequeue_signal": true, "dequeue_signal_lock": true,
	"flush_signals": true, "flush_signals_locked": true, "kernel_sigaction": true,
}

// stackKey is a stack as recorded; no record holds more frames.
type stackKey [maxStack]uint64

const maxStack = 12

// maxStacks bounds how many stacks are remembered at once.
const maxStacks = 1 << 14

// place is what a stack says: the place from which the task acted, and the whole stack.
type place struct {
	site  event.Site
	stack []event.Site
}

// place resolves e's stack. Most stacks recur again and again, so their meaning is cached until a module is loaded.
func (b *builder) place(e *event.Event) place {
	var key stackKey
	if len(e.Stack) == 0 {
		return place{}
	}
	if len(e.Stack) > maxStack || b.stacks == nil {
		return b.resolveStack(e)
	}
	copy(key[:], e.Stack)
	p, ok := b.stacks[key]
	if !ok {
		p = b.resolveStack(e)
		if len(b.stacks) >= maxStacks {
			clear(b.stacks)
		}
		b.stacks[key] = p
	}
	return p
}

func (b *builder) resolveStack(e *event.Event) place {
	var p place
	inModule := false
	for _, site := range b.frames(e) {
		p.stack = append(p.stack, site)
		switch {
		case inModule || site.Symbol == "":
		case site.Module != "":
			p.site, inModule = site, true
		case p.site.Symbol == "" && !isInterface(site.Symbol):
			p.site = site
		}
	}
	return p
}

// maxOwnFrames is how many frames of ours are at the top of a stack: the program and the trampoline that called it.
const maxOwnFrames = 2

// frames are the sites of e's stack without those of our own programs, which were created after the kernel's symbols
// were read and mostly have no name.
func (b *builder) frames(e *event.Event) []event.Site {
	var sites []event.Site
	for _, addr := range e.Stack {
		if site := b.resolve(addr, e.Time); !isBPF(site) {
			sites = append(sites, site)
		}
	}
	named := slices.IndexFunc(sites, func(s event.Site) bool { return s.Symbol != "" || s.Module != "" })
	if named > 0 && named <= maxOwnFrames {
		return sites[named:]
	}
	return sites
}

// site is the place from which e's task acted.
func (b *builder) site(e *event.Event) event.Site { return b.place(e).site }

// isInterface also knows the compiler's variants, such as kill_pid_info.part.0.
func isInterface(symbol string) bool {
	base, _, _ := strings.Cut(symbol, ".")
	return interfaces[base]
}

// isBPF recognises our own programs and their trampolines, which are on the stack of every traced function.
func isBPF(site event.Site) bool {
	return strings.HasPrefix(site.Symbol, "bpf_") || strings.HasPrefix(site.Symbol, "__bpf_") || site.Module == "bpf"
}

// function names the address of a function itself; resolve takes return addresses, which belong to the code before
// them.
func (b *builder) function(addr, at uint64) event.Site {
	s := b.resolve(addr+1, at)
	s.Addr = addr
	if s.Symbol != "" {
		s.Offset--
	}
	return s
}
