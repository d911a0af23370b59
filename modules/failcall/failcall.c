// SPDX-License-Identifier: GPL-2.0
/*
 * kmodlab_fail - makes one call of a kernel function by one module fail
 *
 * Purpose
 *	Code that handles errors hardly ever runs, because hardly anything fails.
 *	This module has the n-th call of a function return an error without being
 *	carried out, but only if the call comes from the module that is named. It
 *	needs nothing but kprobes, which the kernels of distributions have.
 *
 * Usage
 *	kmodlab run DIR --fail kmalloc#2 builds and loads it. By hand, before the
 *	module that is to see the failure:
 *	insmod kmodlab_fail.ko function=__kmalloc module=victim nth=2 value=0
 *
 * What you will see
 *	Nothing in the log. /sys/module/kmodlab_fail/parameters has the number of
 *	calls so far (calls) and, once one was made to fail (failed_at is not 0),
 *	where it came from.
 *
 * How it works
 *	A kprobe sits at the entry of the function, where the return address is on
 *	top of the stack. To skip the call, the handler lets the CPU continue at a
 *	bare return instruction instead. Taking the return address off the stack in
 *	the handler would not do: a probe at a function's entry is mostly one of
 *	ftrace, which takes over the instruction pointer and not the stack pointer.
 *
 *	A call that is the last thing that a function does is a jump, and returns
 *	to that function's caller, which may be the kernel. At the jump, the stack
 *	is as it was when the function began. So a kprobe at the entry of each
 *	function with such a jump (tails) notes the stack. The kprobe is one of
 *	ftrace as well: for any other one the kernel decodes the whole function, and
 *	at the end of a module's code it has read beyond the last page (6.12).
 *
 * Kernels 5.10 to 7.3, x86-64.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "failcall.h"

#define MAX_FUNCTIONS 16
#define MAX_TAILS 64

static char *function[MAX_FUNCTIONS];
static unsigned int functions;
module_param_array(function, charp, &functions, 0444);
MODULE_PARM_DESC(function,
		 "functions of the kernel; their calls are counted together");

static char *target;
module_param_named(module, target, charp, 0444);
MODULE_PARM_DESC(module, "the module whose calls count; it is loaded later");

static char *tail[MAX_TAILS];
static unsigned int tails;
module_param_array_named(tails, tail, charp, &tails, 0444);
MODULE_PARM_DESC(
	tails, "functions of the module that end in a jump to these functions");

long kmodlab_fail_nth;
module_param_named(nth, kmodlab_fail_nth, long, 0444);
MODULE_PARM_DESC(nth, "which call fails, from 1; 0 only counts");

static long value;
module_param(value, long, 0444);
MODULE_PARM_DESC(value, "what that call returns, such as 0 for NULL, or -12");

static bool rest;
module_param(rest, bool, 0444);
MODULE_PARM_DESC(
	rest,
	"it returns its third argument instead: of so many bytes, none was copied");

static bool clear;
module_param(clear, bool, 0444);
MODULE_PARM_DESC(
	clear,
	"with rest, the bytes at its first argument become 0, as in copy_from_user()");

static bool signal;
module_param(signal, bool, 0444);
MODULE_PARM_DESC(
	signal,
	"it fails because of a signal, so only the calls of tasks that may get one count");

static bool wait;
module_param(wait, bool, 0444);
MODULE_PARM_DESC(
	wait,
	"the function is prepare_to_wait_event(): the first call of each wait that a signal can end");

atomic_long_t kmodlab_fail_calls = ATOMIC_LONG_INIT(0);

static int get_calls(char *buffer, const struct kernel_param *kp)
{
	return scnprintf(buffer, PAGE_SIZE, "%ld\n",
			 atomic_long_read(&kmodlab_fail_calls));
}

static const struct kernel_param_ops calls_ops = { .get = get_calls };
module_param_cb(calls, &calls_ops, NULL, 0444);
MODULE_PARM_DESC(calls, "how many calls there were");

static unsigned long loads;
module_param(loads, ulong, 0444);
MODULE_PARM_DESC(loads, "how often the module was loaded");

static unsigned long failed_at;
module_param(failed_at, ulong, 0444);
MODULE_PARM_DESC(failed_at,
		 "where the call that failed would have returned to");

static unsigned int failed_tail;
module_param(failed_tail, uint, 0444);
MODULE_PARM_DESC(failed_tail,
		 "in which of tails it was a jump, from 1; 0: none");

static unsigned long failed_function;
module_param(failed_function, ulong, 0444);
MODULE_PARM_DESC(failed_function, "which of the functions that was, from 0");

/* Not static: kmodlab_fail_return below reads it. */
long kmodlab_fail_value;
module_param_named(failed_value, kmodlab_fail_value, long, 0444);
MODULE_PARM_DESC(failed_value, "what it returned");

static unsigned long long failed_ns;
module_param(failed_ns, ullong, 0444);
MODULE_PARM_DESC(failed_ns, "when that was, by CLOCK_MONOTONIC");

static int failed_pid;
module_param(failed_pid, int, 0444);
MODULE_PARM_DESC(failed_pid, "the process that called; 0: an interrupt");

static char failed_comm[TASK_COMM_LEN];
module_param_string(failed_comm, failed_comm, sizeof(failed_comm), 0444);
MODULE_PARM_DESC(failed_comm, "its name");

static unsigned long failed_load;
module_param(failed_load, ulong, 0444);
MODULE_PARM_DESC(failed_load, "during which load of the module, from 1");

static bool failed_in_init;
module_param(failed_in_init, bool, 0444);
MODULE_PARM_DESC(failed_in_init, "whether its init had not yet returned");

#ifndef ASM_RET
#define ASM_RET "ret\n\tint3\n"
#endif

/*
 * Where the CPU continues instead of in the function. It sets the value itself: where a
 * BPF program looks at the function's return, its trampoline calls this and keeps no
 * register that the handler has set. One call fails, so there is one value.
 */
void kmodlab_fail_return(void);
asm(".text\n"
    ".balign 16\n"
    ".type kmodlab_fail_return, @function\n"
    ".globl kmodlab_fail_return\n"
    "kmodlab_fail_return:\n\t"
    "endbr64\n\t"
    "movq kmodlab_fail_value(%rip), %rax\n\t" ASM_RET
    ".size kmodlab_fail_return, .-kmodlab_fail_return\n");

/*
 * The module whose calls count, NULL while it is not loaded. Handlers of kprobes run
 * with preemption off, so after synchronize_rcu() none uses an earlier value.
 */
struct module *kmodlab_fail_victim;

/*
 * Functions with such a jump that tasks have begun, hashed by where the stack is. One that
 * is overwritten is not counted. One that ended in another way stays, but the kernel's
 * own calls do not return to where that function would have.
 */
#define MARK_BITS 8
static struct mark {
	struct task_struct *task;
	unsigned long sp;
	unsigned long caller;
	unsigned int tail;
} marks[1 << MARK_BITS];

static struct mark *mark_at(unsigned long sp)
{
	return &marks[hash_long(sp, MARK_BITS)];
}

static struct kprobe tail_probes[MAX_TAILS];
static bool tail_set[MAX_TAILS];

static int before_tail(struct kprobe *kp, struct pt_regs *regs)
{
	struct mark *m = mark_at(regs->sp);

	WRITE_ONCE(m->task, NULL);
	m->sp = regs->sp;
	m->caller = *(unsigned long *)regs->sp;
	m->tail = kp - tail_probes + 1;
	smp_store_release(&m->task, current);
	return 0;
}

/* Returns which of tails was left by a jump to the function, 0 if none was. */
static unsigned int left_tail(struct pt_regs *regs, unsigned long caller)
{
	struct mark *m = mark_at(regs->sp);
	unsigned int tail;
	bool same;

	if (smp_load_acquire(&m->task) != current)
		return 0;
	tail = m->tail;
	same = m->sp == regs->sp && m->caller == caller;
	if (!same)
		return 0;
	WRITE_ONCE(m->task, NULL);
	return tail;
}

/* Reports whether the module calls the function, and sets *tail if that is a jump. */
bool kmodlab_fail_is_called(struct pt_regs *regs, unsigned int *tail)
{
	struct module *mod = READ_ONCE(kmodlab_fail_victim);
	unsigned long caller = *(unsigned long *)regs->sp;

	if (!mod)
		return false;
	*tail = left_tail(regs, caller);
	return *tail || within_module(caller, mod);
}

/* A kernel thread that allows no signal never finds one pending. */
static bool may_get_signals(void)
{
	int i;

	if (!(current->flags & PF_KTHREAD))
		return true;
	for (i = 0; i < _NSIG; i++)
		if (current->sighand->action[i].sa.sa_handler != SIG_IGN)
			return true;
	return false;
}

/*
 * prepare_to_wait_event() is called again after each wake-up. It takes a task that
 * finds a signal out of the queue, which the skipped call would not do, so only a
 * task that is not yet in the queue is told of one.
 */
static bool begins_wait(struct pt_regs *regs)
{
	struct wait_queue_entry *entry = (struct wait_queue_entry *)regs->si;

	return (regs->dx & TASK_INTERRUPTIBLE) && list_empty(&entry->entry);
}

/* A handler that a breakpoint called counts as an interrupt itself. */
bool kmodlab_fail_in_interrupt(void)
{
	return in_serving_softirq() ||
	       hardirq_count() > (in_nmi() ? HARDIRQ_OFFSET : 0);
}

void kmodlab_fail_note(struct module *mod, struct pt_regs *regs,
		       unsigned long function, unsigned int tail)
{
	failed_ns = ktime_get_mono_fast_ns();
	if (!kmodlab_fail_in_interrupt()) {
		failed_pid = current->tgid;
		memcpy(failed_comm, current->comm, sizeof(failed_comm) - 1);
	}
	failed_load = loads;
	failed_in_init = mod->state == MODULE_STATE_COMING;
	failed_function = function;
	failed_tail = tail;
	smp_store_release(&failed_at, *(unsigned long *)regs->sp);
}

static struct kprobe probes[MAX_FUNCTIONS];

static int before_call(struct kprobe *kp, struct pt_regs *regs)
{
	struct module *mod = READ_ONCE(kmodlab_fail_victim);
	unsigned int tail;

	if (!mod || !kmodlab_fail_is_called(regs, &tail) ||
	    (wait && !begins_wait(regs)) || (signal && !may_get_signals()))
		return 0;
	if (atomic_long_inc_return(&kmodlab_fail_calls) != kmodlab_fail_nth)
		return 0;
	kmodlab_fail_value = rest ? (long)regs->dx : value;
	kmodlab_fail_note(mod, regs, kp - probes, tail);
	if (rest && clear)
		memset((void *)regs->di, 0, regs->dx);
	/* As if a signal came that is gone: a system call that returns -ERESTARTSYS begins anew. */
	if (signal && !(current->flags & PF_KTHREAD))
		set_thread_flag(TIF_SIGPENDING);
	regs->ax = kmodlab_fail_value;
	regs->ip = (unsigned long)kmodlab_fail_return;
	return 1;
}

/* ftrace lets only probes with such a handler change where the CPU continues. */
static void after_call(struct kprobe *kp, struct pt_regs *regs,
		       unsigned long flags)
{
}

static char tail_names[MAX_TAILS][MODULE_NAME_LEN + KSYM_NAME_LEN];

static void set_tails(void)
{
	unsigned int i;

	for (i = 0; i < tails; i++) {
		struct kprobe *kp = &tail_probes[i];

		snprintf(tail_names[i], sizeof(tail_names[i]), "%s:%s", target,
			 tail[i]);
		memset(kp, 0, sizeof(*kp));
		kp->symbol_name = tail_names[i];
		kp->pre_handler = before_tail;
		tail_set[i] = !register_kprobe(kp);
		if (!tail_set[i])
			pr_warn("calls by a jump from %s are not counted\n",
				tail[i]);
	}
}

static void clear_tails(void)
{
	unsigned int i;

	for (i = 0; i < tails; i++) {
		if (tail_set[i])
			unregister_kprobe(&tail_probes[i]);
		tail_set[i] = false;
	}
}

static int module_changes(struct notifier_block *nb, unsigned long state,
			  void *data)
{
	struct module *mod = data;

	if (strcmp(mod->name, target))
		return NOTIFY_DONE;
	switch (state) {
	case MODULE_STATE_COMING:
		loads++;
		set_tails();
		WRITE_ONCE(kmodlab_fail_victim, mod);
		break;
	case MODULE_STATE_GOING:
		WRITE_ONCE(kmodlab_fail_victim, NULL);
		synchronize_rcu();
		clear_tails();
		break;
	}
	return NOTIFY_DONE;
}

/* Before the kernel's kprobes drop those of a module that goes. */
static struct notifier_block module_notifier = {
	.notifier_call = module_changes,
	.priority = 1,
};

static int __init failcall_init(void)
{
	unsigned int i;
	int ret;

	if (!target)
		return -EINVAL;
	for (i = 0; i < functions; i++) {
		probes[i].symbol_name = function[i];
		probes[i].pre_handler = before_call;
		probes[i].post_handler = after_call;
		ret = register_kprobe(&probes[i]);
		if (ret) {
			pr_err("no kprobe at %s: %pe\n", function[i],
			       ERR_PTR(ret));
			goto unprobe;
		}
	}
	ret = kmodlab_fail_set_uses();
	if (ret)
		goto unprobe;
	ret = register_module_notifier(&module_notifier);
	if (ret)
		goto clear_uses;
	return 0;

clear_uses:
	kmodlab_fail_clear_uses();

unprobe:
	while (i-- > 0)
		unregister_kprobe(&probes[i]);
	return ret;
}

static void __exit failcall_exit(void)
{
	unsigned int i;

	unregister_module_notifier(&module_notifier);
	WRITE_ONCE(kmodlab_fail_victim, NULL);
	clear_tails();
	for (i = 0; i < functions; i++)
		unregister_kprobe(&probes[i]);
	kmodlab_fail_clear_uses();
}

module_init(failcall_init);
module_exit(failcall_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Makes one call of a kernel function by one module fail");
