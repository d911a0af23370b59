// SPDX-License-Identifier: MIT

package timeline

import (
	"strings"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// interfaces are the functions that stand between a caller and a hook: a person
// asks who called them, not which of them called the next.
var interfaces = map[string]bool{
	// kernel/kthread.c
	"__kthread_create_on_node": true, "kthread_create_on_node": true, "kthread_create_on_cpu": true,
	"__kthread_create_worker": true, "__kthread_create_worker_on_node": true, "kthread_create_worker": true,
	"kthread_create_worker_on_cpu": true, "kthread_create_worker_on_node": true, "kthread_run_on_cpu": true,
	"kthread_stop": true, "kthread_stop_put": true, "kthread_destroy_worker": true, "kthread_should_stop": true,
	"kthread_freezable_should_stop": true, "kthread_should_stop_or_park": true,
	// kernel/kmod.c, kernel/module/kmod.c
	"__request_module": true,
	// kernel/signal.c
	"__send_signal_locked": true, "send_signal_locked": true, "__send_signal": true, "send_signal": true,
	"do_send_sig_info": true, "send_sig_info": true, "send_sig": true, "send_sig_perm": true, "do_send_specific": true,
	"group_send_sig_info": true, "__group_send_sig_info": true, "do_tkill": true,
	"kill_pid": true, "kill_pid_info": true, "kill_pid_info_type": true, "kill_pid_usb_asyncio": true, "kill_pgrp": true,
	"__kill_pgrp_info": true, "kill_proc_info": true, "kill_something_info": true,
	"force_sig": true, "force_sig_info": true, "force_sig_info_to_task": true, "force_sig_fault": true,
	"force_sig_fault_to_task": true, "force_fatal_sig": true, "send_sigqueue": true,
	"dequeue_signal": true, "__dequeue_signal": true, "kernel_dequeue_signal": true, "dequeue_signal_lock": true,
	"flush_signals": true, "flush_signals_locked": true, "kernel_sigaction": true,
}

// site is the place from which e's task acted.
func (b *builder) site(e *event.Event) event.Site {
	var caller event.Site
	for _, addr := range e.Stack {
		site := b.resolve(addr, e.Time)
		if site.Module != "" && site.Symbol != "" && !isBPF(site) {
			return site
		}
		if caller.Symbol == "" && site.Symbol != "" && !isBPF(site) && !isInterface(site.Symbol) {
			caller = site
		}
	}
	return caller
}

// isInterface knows the compiler's variants too: kill_pid_info.part.0.
func isInterface(symbol string) bool {
	base, _, _ := strings.Cut(symbol, ".")
	return interfaces[base]
}

// isBPF recognises our own programs and their trampolines, which stand on the
// stack of every traced function.
func isBPF(site event.Site) bool {
	return strings.HasPrefix(site.Symbol, "bpf_") || strings.HasPrefix(site.Symbol, "__bpf_") || site.Module == "bpf"
}

// function names the address of a function itself, where resolve takes return
// addresses, which belong to the code before them.
func (b *builder) function(addr, at uint64) event.Site {
	s := b.resolve(addr+1, at)
	s.Addr = addr
	if s.Symbol != "" {
		s.Offset--
	}
	return s
}
