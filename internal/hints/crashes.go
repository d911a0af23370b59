// SPDX-License-Identifier: MIT

package hints

import "github.com/kmodlab/kmodlab/internal/lazyregexp"

func re(s string) *lazyregexp.Regexp { return lazyregexp.New(s) }

// at matches one of these functions, whole. Clones that the compiler made have a suffix.
func at(names string) *lazyregexp.Regexp { return lazyregexp.New(`(?m)^(?:` + names + `)(?:\.\w+)*$`) }

// Hints that several rows give.
const (
	doubleFree = "an object was freed twice (double free): free it in one place, and set the pointer to NULL after kfree; " +
		"kfree takes only what kmalloc returned"
	freedInUse = "memory was used after it was freed: find the kfree that comes too early (an error path, a release " +
		"function, exit), or take a reference for as long as you keep the pointer"
	outOfBounds = "memory outside of an object was used: check the index or the length against the object's size before " +
		"the access"
	noSleep = "this code must not sleep (a spinlock is held, interrupts or preemption are off, or it is a timer, tasklet " +
		"or interrupt handler): no mutex_lock, msleep, copy_to_user or GFP_KERNEL here; use GFP_ATOMIC, release the lock " +
		"before, or move the work to a workqueue"
	smallStack = "a kernel stack has 16 KiB: avoid recursion, and allocate large arrays with kmalloc"
	uninitLock = "a lock is used before it is initialised, or after its memory was freed or overwritten: call spin_lock_init " +
		"or mutex_init once, before the first use, or define it with DEFINE_SPINLOCK or DEFINE_MUTEX"
)

// causes is the table. Rows that need more come before rows that need less.
var causes = []cause{
	// What the kernel's own checkers say is certain.
	{name: "kfree of another pointer", types: []string{"kasan"}, said: re(`KASAN: invalid-free`), hint: wrongFree},
	{name: "double free", types: []string{"kasan", "kfence"}, said: re(`double-free|invalid free`), hint: doubleFree},
	{name: "NULL", types: []string{"kasan"}, said: re(`KASAN: null-ptr-deref`),
		hint: "a NULL pointer was used: check what returned it before using it"},
	{name: "user pointer", types: []string{"kasan"}, said: re(`KASAN: user-memory-access`), hint: userAccess},
	{name: "use after free", types: []string{"kasan", "kfence"}, said: re(`use-after-free`),
		hint: freedInUse + "; the report shows both call traces, of the allocation and of the free"},
	{name: "out of bounds on the stack", types: []string{"kasan"}, said: re(`stack-out-of-bounds`),
		hint: "a local array was used beyond its end: check the index or the length against ARRAY_SIZE before the access"},
	{name: "out of bounds", types: []string{"kasan", "kfence"}, said: re(`out-of-bounds|memory corruption`),
		hint: outOfBounds},
	{name: "data race", types: []string{"ksan"}, said: re(`KCSAN`),
		hint: "two threads use the same data without a lock, and one of them writes: protect it with a lock or an atomic_t"},
	{name: "uninitialised memory", types: []string{"ksan"}, said: re(`KMSAN`),
		hint: "memory was used before it was written: initialise it, or allocate it with kzalloc"},
	{name: "out of bounds", types: []string{"ubsan"}, said: re(`array-index-out-of-bounds`),
		hint: "compare the index with ARRAY_SIZE before the access"},
	{name: "shift", types: []string{"ubsan"}, said: re(`shift-out-of-bounds`),
		hint: "the shift is negative, or not smaller than the type's width: check the count before shifting"},

	// Strings and copies.
	{name: "string overread", said: re(`detected buffer over-?read|detected buffer overflow: \d+ byte read|` +
		`detected buffer overflow in (?:strn?len|mem(?:chr|chr_inv|cmp|scan))\b`),
		hint: "the code reads beyond the end of a buffer: check the length against the buffer's size, and end strings " +
			"with a zero byte"},
	{name: "string overflow", said: re(`detected buffer overflow|detected (?:read|write) beyond|field-spanning write`),
		hint: "the copy does not fit into its destination, whose size the compiler knows: use " +
			"strscpy(dst, src, sizeof(dst)) for strings, and check the length before memcpy"},
	{name: "user copy", said: re(`usercopy: |Buffer overflow detected \(\d+ < \d+\)|(?:exposure|overwrite) attempt detected`),
		hint: "copy_to_user or copy_from_user was asked for more bytes than the object has: limit the length to " +
			"min(len, sizeof(buf)), or use simple_read_from_buffer"},

	// Reference counts.
	{name: "kobject", said: re(`is not initialized, yet kobject_(?:put|get)\(\) is being called`),
		hint: "kobject_put was called for a kobject that was never initialised (kobject_init), or whose memory was freed"},
	{name: "kobject twice", said: re(`tried to init an initialized object`),
		hint: "kobject_init is for new memory only: the object is registered already, or its memory was reused without " +
			"clearing it; call kobject_put for the old one first"},
	{name: "device without release", said: re(`does not have a release\(\) function`),
		hint: "set dev.release to a function that frees the device's memory, and do not kfree it elsewhere"},
	{name: "kthread_stop of a thread that ended", types: []string{"refcount"}, at: at(`kthread_stop|kthread_stop_put`),
		hint: "the thread had ended, and its task was freed, before kthread_stop: call get_task_struct when you create it " +
			"and put_task_struct after kthread_stop, or have the thread wait for kthread_should_stop() before it returns"},
	{name: "a put too many", types: []string{"refcount"},
		said: re(`refcount_t: (?:underflow|decrement hit 0|addition on 0)`),
		hint: "an object was used after its last reference was dropped: each put needs its own get, so hold a reference " +
			"(get_task_struct, get_pid, kobject_get) for as long as you keep the pointer"},
	{name: "reference count", types: []string{"refcount"},
		hint: "a reference count overflowed or was never initialised: pair each get with a put, and call refcount_set or " +
			"kref_init first"},

	// Lists.
	{name: "uninitialised list", types: listTypes,
		said: re(`list_(?:add|del) corruption.* (?:is NULL|but was ` + null + `)`),
		hint: freshList},
	{name: "uninitialised list", types: faults, at: at(`__list_(?:add|del_entry)_valid(?:_or_report)?`), when: nullish,
		hint: freshList},
	{name: "list_add twice", types: listTypes, said: re(`list_add double add`),
		hint: "the entry is on a list already: call list_del before adding it again, or use list_move"},
	{name: "list_del twice", types: listTypes, said: re(`is LIST_POISON`),
		hint: "the entry was deleted from its list already: call list_del once, or list_del_init, which may be repeated"},
	{name: "freed list entry", types: listTypes,
		hint: "an entry was freed while it was still on the list, or the list is changed without a lock: list_del before " +
			"kfree, and hold one lock for every change"},

	// Slabs, pages and other memory.
	{name: "cache with objects",
		said: re(`Slab cache still has objects|Objects remaining (?:in \S+ )?on __kmem_cache_shutdown`),
		hint: "kmem_cache_destroy needs an empty cache: free every object with kmem_cache_free before"},
	{name: "wrong cache", said: re(`Wrong slab cache|cache_from_obj`),
		hint: "the object came from another cache: free it with the kmem_cache that it was allocated from, or with kfree if kmalloc returned it"},
	{name: "vfree of another pointer", said: re(`Trying to vfree\(\) (?:nonexistent vm area|bad address)`),
		hint: "vfree takes only what vmalloc returned, and once: use kfree for kmalloc, kvfree for kvmalloc"},
	{name: "vfree of another pointer", said: re(`WARNING.* at (?:\S*/)?mm/vmalloc\.c`),
		at:   at(`vfree|vfree_atomic|vunmap|remove_vm_area`),
		hint: "vfree takes only what vmalloc returned, and once: use kfree for kmalloc, kvfree for kvmalloc"},
	{name: "kfree of another pointer", said: re(`Object is not a Slab page|not a valid slab|free_large_kmalloc|free_nonslab`),
		hint: wrongFree},
	{name: "kfree of another pointer", at: at(`free_large_kmalloc|free_large_kmalloc_flags`), hint: wrongFree},
	{name: "kfree of another pointer", types: faults, at: at(`kfree|kfree_sensitive|kmem_cache_free|virt_to_head_page`),
		when: notNullish, hint: wrongFree},
	{name: "overwritten", types: []string{"slab-corruption"}, said: re(`[Rr]edzone overwritten|Padding overwritten`),
		hint: outOfBounds},
	{name: "use after free", types: []string{"slab-corruption"}, said: re(`Poison overwritten`), hint: freedInUse},
	{name: "double free", types: []string{"slab-corruption"}, said: re(`kernel BUG at mm/sl[au]b|already free`),
		hint: doubleFree},
	{name: "slab corruption", types: []string{"slab-corruption"},
		hint: "the memory of a slab was overwritten, by a write beyond an object's end or after its kfree; the debug kernel " +
			"names the write"},
	{name: "double free of a page", types: []string{"bad-page"},
		hint: "a page was freed twice, or while it was in use: call free_pages once, with the order of the allocation"},
	{name: "page freed twice", said: re(`VM_BUG_ON_(?:PAGE|FOLIO)\(page_ref_count|VM_BUG_ON_(?:PAGE|FOLIO)\(folio_ref_count`),
		hint: "a page was freed twice, or while it was in use: call free_pages once, with the order of the allocation"},
	{name: "too large", said: re(`WARNING.* at (?:\S*/)?mm/(?:page_alloc|util|slub)\.c`),
		at:   at(`__alloc_pages\w*|__alloc_frozen_pages\w*|__kvmalloc_node\w*|kvmalloc_node|___?kmalloc_large_node\w*`),
		hint: "the size is too large for one allocation, perhaps a negative number: check it, and use kvmalloc for large sizes"},
	{name: "per-CPU memory", types: faults, at: at(`free_percpu|pcpu_\w+`),
		hint: "free_percpu takes only what alloc_percpu returned, and once"},
	{name: "iounmap", said: re(`iounmap: bad address|bad address in iounmap`),
		hint: "iounmap takes only what ioremap returned, and once"},

	// Names.
	{name: "proc entry", said: re(`name '[^']*'`), at: at(`remove_proc_entry|remove_proc_subtree|__xlate_proc_name`),
		hint: "remove_proc_entry was given a name that does not exist: give it the name and the parent that proc_create " +
			"had, and call it once; proc_remove(entry) needs no name"},
	{name: "proc folder", said: re(`removing non-empty directory`),
		hint: "remove the entries of the folder first, or use proc_remove or remove_proc_subtree for all of it"},
	{name: "proc name twice", said: re(`proc_dir_entry '[^']*' already registered`), hint: sameName},
	{name: "name twice", said: re(`cannot create duplicate filename|don't try to register things with the same name`),
		hint: sameName},
	{name: "sysfs group", said: re(`sysfs group '[^']*' not found`),
		hint: "the group was removed already, or never created: call sysfs_remove_group once, before the kobject is released"},

	// Locks.
	{name: "deadlock", types: []string{"lockdep"}, said: re(`possible circular locking`),
		hint: "two locks are taken in both orders, which can deadlock: take them in one order everywhere"},
	{name: "recursive lock", types: []string{"lockdep"}, said: re(`possible recursive locking`),
		hint: "a lock is taken again by the task that holds it: release it before the call, or split the function into one " +
			"with and one without the lock"},
	{name: "lock in interrupts", types: []string{"lockdep"}, said: re(`inconsistent lock state|irq lock inversion`),
		hint: "an interrupt, timer or tasklet takes a lock that is held elsewhere with interrupts on: use spin_lock_irqsave, " +
			"or spin_lock_bh, everywhere"},
	{name: "unlock without lock", said: re(`bad unlock balance|lock->owner != |DEBUG_LOCKS_WARN_ON\(.*owner`),
		hint: "the lock is released by a task that does not hold it: one unlock for each lock, in the same task"},
	{name: "lock held", types: []string{"lockdep"}, said: re(`lock held (?:when returning|at task exit)|still has locks held|held lock freed`),
		hint: "a function ends, or memory is freed, while a lock is held: unlock on every path, the error paths too"},
	{name: "RCU", said: re(`suspicious RCU usage|Illegal context switch in RCU`),
		hint: "rcu_dereference needs rcu_read_lock around it, and nothing between rcu_read_lock and rcu_read_unlock may sleep"},
	{name: "uninitialised lock", said: re(`spinlock bad magic|rwlock bad magic|lock->magic != |trying to register non-static key|` +
		`bad magic|DEBUG_RWSEMS_WARN_ON`), hint: uninitLock},
	{name: "spinlock recursion", said: re(`spinlock (?:recursion|already unlocked|wrong owner|wrong CPU|lockup)`),
		hint: "a spinlock is taken twice by one CPU, or released by a CPU other than the one that took it: one unlock for each lock"},
	{name: "uninitialised wait queue", types: faults, when: cleared,
		at: at(`__wake_up_common\w*|__wake_up|prepare_to_(?:s?wait)\w*|__prepare_to_swait|(?:do_)?wait_for_common|complete(?:_all)?|` +
			`swake_up\w*|add_wait_queue\w*|remove_wait_queue`),
		hint: "a wait queue or completion is used before it is initialised: call init_waitqueue_head or init_completion first"},
	{name: "uninitialised lock", types: faults, when: cleared,
		at:   at(`__?mutex_\w+|mutex_\w+|rwsem_\w+|(?:__)?(?:up|down)(?:_\w+)?|rt_mutex_\w+|osq_lock|native_queued_spin_lock_slowpath`),
		hint: uninitLock},

	// Sleeping where it is forbidden.
	{name: "sleep while waiting", said: re(`do not call blocking ops when !TASK_RUNNING`),
		hint: "between set_current_state and schedule nothing may sleep: use wait_event, or set the state after the call"},
	{name: "sleep in atomic", types: []string{"scheduling-while-atomic", "sleeping-in-atomic"}, hint: noSleep},

	// The stack.
	{name: "stack overflow", types: []string{"stack-overflow", "double-fault"}, hint: smallStack},
	{name: "stack overflow", said: re(`corrupted stack end detected`), hint: smallStack},
	{name: "stack smashed", said: re(`stack-protector: Kernel stack is corrupted`),
		hint: "a function wrote beyond the end of a local array: check the index or the length against sizeof before the write"},

	// Code and data of a module that is gone.
	{name: "NX", said: re(`kernel tried to execute NX-protected page`),
		hint: "a function pointer points at data: it was overwritten, or the object that holds it was freed"},
	{name: "gone code", when: goneCode,
		hint: "code of a module ran after the module was unloaded: {armed}"},
	{name: "gone data", types: faults, when: goneData,
		hint: "data of a module was used after the module was unloaded: {armed}"},

	// Pointers.
	{name: "NULL function", when: nullFunction,
		hint: "a function pointer is NULL: set every operation that is called, or test it before the call"},
	{name: "pointer holds an errno", types: faults, when: errorPointer,
		hint: "the pointer holds an error ({errno}, or one near it), not an address: test it with IS_ERR before using it, and return " +
			"PTR_ERR"},
	{name: "pointer holds an errno", types: faults, when: errorMember,
		hint: "a pointer holds an error ({errno}), not an address, and a member of what it should point to was used: test it " +
			"with IS_ERR first, and return PTR_ERR"},
	{name: "NULL struct", types: []string{"null-dereference"}, when: nullMember,
		hint: "the pointer to a structure is NULL, and the member at offset {offset} was used: check what returned the " +
			"pointer (allocations and lookups return NULL on failure)"},
	{name: "NULL", types: []string{"null-dereference"}, when: nullItself,
		hint: "the pointer is NULL: assign it before its first use, and check what allocations and lookups return"},
	{name: "user pointer", types: faults, when: userPointer, hint: userAccess},
	{name: "read-only", types: faults, when: readOnly,
		hint: "the memory is read-only (const data, or the kernel's code): write to a copy of it"},
	{name: "use after free", said: re(`non-canonical address 0x6b6b6b6b|address: 6b6b6b6b|\b[0-9a-f]*6b6b6b6b6b6b`), types: faults,
		hint: freedInUse},
	{name: "deleted list entry", types: faults, said: re(`(?:address:? (?:0x)?)dead0000000001[0-9a-f]{2}`),
		hint: "an entry was used after list_del: walk with list_for_each_entry_safe if the loop deletes entries, and do not " +
			"delete twice"},
	{name: "uninitialised memory", types: faults, said: re(`address:? (?:0x)?(?:5a5a5a5a|aaaaaaaa)`),
		hint: "a pointer in memory that was never written was used: initialise it, or allocate it with kzalloc"},
	{name: "wild pointer", types: []string{"general-protection"},
		hint: "the pointer holds no address: it was not initialised, it was overwritten, or the object that it is in was freed"},
	{name: "wild pointer", types: []string{"page-fault"},
		hint: "nothing is mapped at that address: an index went beyond an array, or the memory was freed (vfree, iounmap)"},

	// Numbers, and what the module asked for itself.
	{name: "division", types: []string{"divide-error"},
		hint: "a division by zero, or by a number that is too small for the result: test the divisor first; take 64-bit " +
			"numbers with div64_u64"},
	{name: "own BUG", types: []string{"bug", "invalid-opcode"}, when: ownBug,
		hint: "this is the module's own BUG or BUG_ON, and its condition holds: find out why, and return an error instead of " +
			"crashing"},
	{name: "shadow stack", types: []string{"trap"}, said: re(`control protection fault|Missing ENDBR`),
		hint: "a function was called through a pointer that does not point to the beginning of a function: the pointer was " +
			"overwritten, or cast from another type"},

	// Interfaces that were misused.
	{name: "freed while active", types: []string{"object-misuse"}, said: re(`ODEBUG: free active`),
		hint: "memory was freed while a timer or work in it was still active: call timer_delete_sync (del_timer_sync before " +
			"6.2) or cancel_work_sync before kfree"},
	{name: "used before its init", types: []string{"object-misuse"},
		hint: "a timer, work or other object is used before its init, or initialised while it is active: call timer_setup " +
			"or INIT_WORK once, before the first use"},
	{name: "queue that ends", said: re(`workqueue: cannot queue `),
		hint: "the work was queued while its workqueue was being drained or destroyed: stop whatever queues it, then call " +
			"cancel_work_sync, before destroy_workqueue"},
	{name: "workqueue flags", said: re(`is using neither WQ_PERCPU`),
		hint: "newer kernels want alloc_workqueue to be told where its works run: add the flag WQ_PERCPU, which is what no flag " +
			"meant before, or WQ_UNBOUND; older kernels do not have WQ_PERCPU"},
	{name: "flush", said: re(`workqueue: .* is flushing `),
		hint: "a work that may be needed to free memory waits for one that may need memory: give both workqueues " +
			"WQ_MEM_RECLAIM, or do not wait for the other one"},
	{name: "work", said: re(`kernel/workqueue\.c`), at: at(`__queue_work|queue_work_on|__queue_delayed_work|queue_delayed_work_on|` +
		`mod_delayed_work_on|__flush_work|flush_work|__cancel_work\w*|cancel_(?:delayed_)?work_sync`),
		hint: "the work is used before INIT_WORK, or its memory was overwritten or freed while it was queued: call " +
			"INIT_WORK once, and cancel_work_sync before the memory is freed"},
	{name: "destroy_workqueue", said: re(`kernel/workqueue\.c`), at: at(`destroy_workqueue`),
		hint: "works are still queued, or queue themselves again: call cancel_work_sync or cancel_delayed_work_sync for each " +
			"before destroy_workqueue"},
	{name: "timer function", said: re(`timer: .* preempt leak: `),
		hint: "a timer function returned with a lock held, or with preemption off: unlock on every path"},
	{name: "timer", said: re(`kernel/time/timer\.c`),
		hint: "the timer is used before timer_setup, or add_timer is called while it is pending (use mod_timer), or " +
			"timer_delete_sync (del_timer_sync before 6.2) is called in an interrupt handler"},
	{name: "hrtimer", said: re(`kernel/time/hrtimer\.c`),
		hint: "the hrtimer is started before it was initialised, or has no function: call hrtimer_setup (before 6.15 also " +
			"hrtimer_init, and set timer->function)"},
	{name: "kthread", types: []string{"kthread-misuse"},
		hint: "kthread_park, kthread_bind and kthread_stop are for a thread of kthread_create that has not ended"},
	{name: "module_put", types: []string{"module-misuse"}, at: at(`module_put|__module_get|try_module_get|\w*sys_delete_module|try_stop_module`),
		hint: "module_put was called more often than try_module_get: one put for each get that succeeded"},
	{name: "free_irq", said: re(`Trying to free already-free IRQ`),
		hint: "call free_irq once, with the dev_id that request_irq got"},
	{name: "irq handler", said: re(`kernel/irq/handle\.c|irq \d+ handler .* enabled interrupts`),
		hint: "an interrupt handler must not enable interrupts: use spin_lock_irqsave and spin_unlock_irqrestore in it"},
	{name: "number freed twice", said: re(`ida_free called for id=-?\d+ which is not allocated`),
		hint: "a number that the kernel gave was given back twice: unregister each thing once (misc_deregister, cdev, a device's " +
			"minor), and not in exit as well as on an error path"},
	{name: "notifier", said: re(`notifier callback .* already registered|double register detected`),
		hint: "the notifier is registered already: register it once, and unregister it in exit"},

	// A CPU or a task that makes no progress.
	{name: "out of memory", types: []string{"oom-kill"},
		hint: "the machine ran out of memory: free what is no longer needed, and limit what the module may allocate"},
	{name: "out of memory", said: re(`System is deadlocked on memory|[Oo]ut of memory`), types: []string{"panic"},
		hint: "the machine ran out of memory: free what is no longer needed, and limit what the module may allocate"},
	{name: "init killed", types: []string{"panic"}, said: re(`Attempted to kill init`),
		hint: "the crash was in process 1, which the kernel cannot do without; look at the report before this one"},
}

// null is a pointer that nobody set, as reports print it.
const null = `(?:0000000000000000|\(null\)|0+)\b`

const (
	freshList = "the list head or entry was never initialised, or its memory was cleared: use LIST_HEAD or INIT_LIST_HEAD " +
		"before the first list_add, and list_del only for what was added"
	wrongFree = "kfree was given a pointer that kmalloc did not return: one into the middle of an object, one to the stack " +
		"or to a variable, or memory from vmalloc (free it with vfree) or alloc_pages (free_pages)"
	userAccess = "the address is in user space: if a program passed it, use copy_from_user, copy_to_user, get_user or " +
		"put_user, and check what they return; if none did, the pointer was overwritten or never set"
	sameName = "the name is taken: an earlier registration was not undone, or two things have one name; undo it in exit " +
		"and on every error path"
)

var (
	faults    = []string{"null-dereference", "page-fault", "general-protection", "oops"}
	listTypes = []string{"list-corruption"}
)
