// SPDX-License-Identifier: MIT

package leaks

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// handsNothing are imports that give a module no memory for kfree but what the kernel's trace records. The trace has
// the module's own allocations and everybody's frees: if a module gets memory in another way, it may free an address
// twice and be right both times.
var handsNothing = lazyregexp.New(`^(?:` +
	`__fentry__|__x86_\w+|__stack_chk_\w+|__ref_stack_chk_guard|__?fortify_panic|refcount_warn_saturate|___ratelimit` +
	`|current_task|const_current_task|pcpu_hot|this_cpu_off|cpu_number|__per_cpu_offset|__preempt_count|nr_cpu_ids` +
	`|__cpu_\w+_mask|phys_base|vmemmap_base|page_offset_base|__SC[TK]__\w+|ktime_get\w*|get_random_\w+|_ctype` +
	`|print_hex_dump\w*|_dev_\w+|synchronize_\w+|__ubsan_\w+|__asan_\w+|__sanitizer_\w+|module_layout|__this_module|param_\w+` +
	`|kfree|kfree_sensitive|__kmalloc(?:_cache|_large|_node)?|kmalloc_(?:trace|caches|large|node_trace)` +
	`|kmem_cache_alloc_trace|kmalloc_order_trace|__kmalloc_cache_node|random_kmalloc_seed|kstrdup|kstrndup|kmemdup` +
	`|kmem_cache_(?:alloc|alloc_node|free|create|create_usercopy|destroy|shrink|size)|__kmem_cache_create_args` +
	`|__get_free_pages|get_(?:free_pages|zeroed_page)|(?:__)?alloc_pages|(?:__)?free_pages` +
	`|_printk|printk|__dynamic_pr_debug|__warn_printk|dump_stack|panic|mem(?:cpy|set|move|cmp|chr)\w*|str(?:n?len|n?cmp|n?casecmp|[ls]?cpy|ncpy|n?cat|lcat|r?chr|sep|n?str|pbrk|c?spn|im)` +
	`|sized_strscpy|s[cn]*printf|vsn?printf|kstrto\w+` +
	`|_?copy_(?:from|to)_user|__check_object_size|__get_user_\w+|__put_user_\w+|_raw_\w+|mutex_\w+|__mutex_init` +
	`|down\w*|up|up_\w+|__init_rwsem|__list_\w+|msleep\w*|usleep_\w+|schedule\w*|__cond_resched|jiffies|jiffies_to_\w+` +
	`|__udelay|__const_udelay|kthread_\w+|wake_up_\w+|__wake_up\w*` +
	`|prepare_to_wait\w*|finish_wait|init_wait_entry|__init_waitqueue_head|__init_swait_queue_head|complete\w*` +
	`|wait_for_completion\w*|init_timer_key|add_timer\w*|mod_timer\w*|del_timer\w*|timer_\w+|system_\w*wq|queue_\w+_on` +
	`|cancel_\w*work\w*|flush_\w*work\w*|delayed_work_timer_fn|proc_(?:create|mkdir|remove)\w*|remove_proc_\w+` +
	`|__seq_puts|seq_(?:open|read|read_iter|lseek|release|printf|vprintf|puts|putc|write|put_\w+|escape\w*|hex_dump|pad` +
	`|path|dentry|list_\w+|hlist_\w+)|single_(?:open|release)|simple_(?:read_from|write_to)_buffer|__rcu_read_\w+|synchronize_rcu` +
	`|call_rcu|rcu_barrier|misc_(?:de)?register|cdev_(?:init|add|del)|(?:un)?register_chrdev_region|alloc_chrdev_region` +
	`|__(?:un)?register_chrdev|(?:__)?class_(?:create|destroy)|device_(?:create|destroy)|(?:no|default|noop)_llseek` +
	`|debugfs_(?:create_\w+|remove|attr_\w+)|sysfs_(?:create|remove)_(?:file_ns|group)|kernel_kobj|kobject_(?:put|create_and_add)` +
	`|(?:add|remove)_wait_queue\w*|\w+_wake_function|wait_woken|(?:un)?register_k(?:ret)?probes?|request_threaded_irq|free_irq` +
	`|__tracepoint_\w+|__trace_set_current_state|__(?:put|get)_task_\w+|get_task_pid|kernel_sigaction` +
	`|(?:kernel_)?dequeue_signal|flush_signals|__request_module|pv_ops|BUG_func` +
	`|(?:__)?module_(?:get|put)|try_module_get|find_(?:vpid|get_pid)|put_pid|pid_task|get_pid_task|send_sig\w*` +
	`|hrtimer_\w+|__?tasklet_\w+|tasklet_\w+|alloc_workqueue|destroy_workqueue|__flush_workqueue|(?:un)?register_\w+_notifier` +
	`)$`)

// allocators are what a module calls to get the memory that kfree frees.
var allocators = lazyregexp.New(`^(?:__)?kmalloc\w*$|^kmem_cache_alloc(?:_trace|_node)?$|^kstrn?dup$|^kmemdup$` +
	`|^(?:__)?get_(?:free|zeroed)_pages?$|^(?:__)?alloc_pages$`)

var freesPages = lazyregexp.New(`^(?:__)?free_pages$`)

// certain returns the modules whose own frees can be told to be wrong. If an allocation is a function's last call, it
// seems to come from that function's caller, which may be the kernel: then the trace lacks it. What a module imports
// from another one is as certain as that one.
func certain(modules []Module) map[string]bool {
	owner := make(map[string]string) // by the symbol
	sure := make(map[string]bool)
	for _, m := range modules {
		sure[m.Name] = true
		for _, name := range m.Exports {
			owner[name] = m.Name
		}
	}
	unsure := func(m *Module) bool {
		jumps := func(c CallSite) bool { return c.Jump && allocators.MatchString(trimmed(c.Function)) }
		hands := func(name string) bool {
			if from, ok := owner[name]; ok {
				return !sure[from]
			}
			return !handsNothing.MatchString(trimmed(name))
		}
		counts := m.Shares && slices.ContainsFunc(m.Imports, freesPages.MatchString)
		return counts || slices.ContainsFunc(m.Calls, jumps) || slices.ContainsFunc(m.Imports, hands)
	}
	for again := true; again; {
		again = false
		for i := range modules {
			if m := &modules[i]; sure[m.Name] && unsure(m) {
				sure[m.Name], again = false, true
			}
		}
	}
	return sure
}

// freedAt is where a module freed memory that it has not taken again since.
type freedAt struct {
	place    Place
	function string  // of the kernel
	again    []Place // where the same address was freed once more
}

func (f *freedAt) last() Place {
	if n := len(f.again); n > 0 {
		return f.again[n-1]
	}
	return f.place
}

// free enters a call of a function that frees memory, such as kfree. One that does not come from a module may be a
// module's last call, or the kernel's own: then nothing is known of the address.
func (l *Ledger) free(ptr uint64, by Place, function string) {
	switch f, was := l.freed[ptr]; {
	case ptr <= zeroSize || l.plan.Hashed:
	case !by.inModule():
		if !was || len(f.again) == 0 {
			delete(l.freed, ptr)
		}
	case was && f.function != function && f.last().Name == by.Name && f.last().Addr == by.Addr:
		// free_pages ends with a jump to __free_pages: one call
	case was:
		f.again = append(f.again, by)
		l.freed[ptr] = f
		if len(f.again) == 1 {
			l.twice = append(l.twice, ptr)
		}
	case len(l.freed) < maxHeld:
		l.freed[ptr] = freedAt{place: by, function: function}
	}
}

// freePair is free for a pair whose things are memory. A function that calls another one of the pair is one call.
func (l *Ledger) freePair(p *Pair, ptr uint64, by entry, site, name string) {
	from, _, _ := strings.Cut(site, "+")
	if !p.Twice || slices.ContainsFunc(p.gives(), func(f function) bool { return f.name == from }) {
		return
	}
	if by.jump || !by.place.inModule() {
		by.place = l.lastOf(site, name, by.place.AtNS)
	}
	l.free(ptr, by.place, name)
}

// frees are the functions, other than those of pairs, whose calls free enters.
var frees = []string{"kfree", "kmem_cache_free"}

// lastOf returns where a module freed memory with the last call of its init or exit, if that call seems to come from
// the kernel's function that called these, which frees nothing itself. Elsewhere it may be the kernel's own.
func (l *Ledger) lastOf(site, function string, at uint64) Place {
	when := calledAt(site)
	if when == Meanwhile {
		return Place{}
	}
	jumps := slices.DeleteFunc(l.jumps(function, when), func(t Tail) bool { return !t.Planned })
	if len(jumps) != 1 {
		return Place{}
	}
	return Place{Name: jumps[0].Site, Module: jumps[0].Module, AtNS: at}
}

// FreedTwice returns the memory that modules freed twice, although they had not taken it again: where the second time.
func (l *Ledger) FreedTwice(modules []string, name Namer) []result.Misuse {
	if l.Overrun || len(l.plan.Missed) > 0 {
		return nil
	}
	var list []result.Misuse
	for _, ptr := range l.twice[:min(len(l.twice), maxLeaks)] {
		f := l.freed[ptr]
		if len(f.again) == 0 {
			continue
		}
		first, of := f.place.resolve(name)
		second, by := f.again[0].resolve(name)
		if slices.Contains(modules, of) && slices.Contains(modules, by) && l.plan.Certain[of] && l.plan.Certain[by] {
			list = append(list, result.Misuse{Kind: "double free", Site: second, First: first})
		}
	}
	return list
}
