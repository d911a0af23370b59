// SPDX-License-Identifier: GPL-2.0
/*
 * The other part of kmodlab_fail: a task ends just before a module uses it
 *
 * A module that finds a task and then uses it must survive that the task ends in
 * between. Before the n-th use of a task of a certain name (exits) by the module, this
 * part kills it and waits until it is gone.
 *
 * A kprobe's handler cannot wait. So it lets the CPU continue in a function of ours,
 * which saves the registers, waits, and goes on to the function that was called, with
 * the stack as it was. Who may not sleep, or does not know whether it may, spins.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/objtool.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "failcall.h"

static char *exits;
module_param(exits, charp, 0444);
MODULE_PARM_DESC(exits, "the name of the task that ends");

/* How the task is named by the function's arguments. */
enum argument { PID_FIRST, TASK_FIRST, TASK_SECOND, TASK_THIRD };

static struct use {
	const char *function;
	enum argument argument;
	struct kprobe kp;
	bool set;
} uses[] = {
	{ "get_pid_task", PID_FIRST },	 { "pid_task", PID_FIRST },
	{ "kill_pid", PID_FIRST },	 { "send_sig", TASK_SECOND },
	{ "send_sig_info", TASK_THIRD }, { "wake_up_process", TASK_FIRST },
	{ "get_task_pid", TASK_FIRST },	 { "get_task_mm", TASK_FIRST },
};

static char *use[ARRAY_SIZE(uses)];
static unsigned int n_use;
module_param_array(use, charp, &n_use, 0444);
MODULE_PARM_DESC(use, "the functions that use a task, of those that are known");

enum end { NOT_YET, GONE, ZOMBIE, ALIVE };

static int exit_end;
module_param(exit_end, int, 0444);
MODULE_PARM_DESC(
	exit_end,
	"1: the task is gone; 2: nobody has waited for it; 3: it did not end");

static int exit_pid;
module_param(exit_pid, int, 0444);
MODULE_PARM_DESC(exit_pid, "the task's number");

static bool exit_unheld;
module_param(exit_unheld, bool, 0444);
MODULE_PARM_DESC(
	exit_unheld,
	"the module uses the task, which is gone, and nobody has a reference");

/* One task ends, once. */
static atomic_t begun = ATOMIC_INIT(0);
static struct {
	struct task_struct *task;
	struct pid *pid;
	bool by_task; /* the function has a task, and not a pid */
	unsigned long back;
} ending;

/* Under RCU. pid_task() may have a kprobe itself. */
static struct task_struct *task_of(struct pid *pid)
{
	struct hlist_node *first;

	if (IS_ERR_OR_NULL(pid))
		return NULL;
	first = rcu_dereference_raw(hlist_first_rcu(&pid->tasks[PIDTYPE_PID]));
	return hlist_entry_safe(first, struct task_struct,
				pid_links[PIDTYPE_PID]);
}

static struct task_struct *used(struct use *u, struct pt_regs *regs)
{
	switch (u->argument) {
	case PID_FIRST:
		return task_of((struct pid *)regs->di);
	case TASK_FIRST:
		return (struct task_struct *)regs->di;
	case TASK_SECOND:
		return (struct task_struct *)regs->si;
	default:
		return (struct task_struct *)regs->dx;
	}
}

void kmodlab_fail_detour(void);
asm(".text\n"
    ".balign 16\n"
    ".type kmodlab_fail_detour, @function\n"
    ".globl kmodlab_fail_detour\n"
    "kmodlab_fail_detour:\n\t"
    "endbr64\n\t"
    "pushq $0\n\t" /* where it goes on */
    "pushq %rdi\n\t"
    "pushq %rsi\n\t"
    "pushq %rdx\n\t"
    "pushq %rcx\n\t"
    "pushq %r8\n\t"
    "pushq %r9\n\t"
    "pushq %rax\n\t"
    "pushq %r10\n\t"
    "call kmodlab_fail_await\n\t"
    "movq %rax, 64(%rsp)\n\t"
    "popq %r10\n\t"
    "popq %rax\n\t"
    "popq %r9\n\t"
    "popq %r8\n\t"
    "popq %rcx\n\t"
    "popq %rdx\n\t"
    "popq %rsi\n\t"
    "popq %rdi\n\t" ASM_RET
    ".size kmodlab_fail_detour, .-kmodlab_fail_detour\n");
STACK_FRAME_NON_STANDARD(kmodlab_fail_detour);

static int before_use(struct kprobe *kp, struct pt_regs *regs)
{
	struct module *mod = READ_ONCE(kmodlab_fail_victim);
	struct use *u = container_of(kp, struct use, kp);
	struct task_struct *task;
	unsigned int tail;

	if (!mod || !kmodlab_fail_is_called(regs, &tail) ||
	    atomic_read(&begun) || !(regs->flags & X86_EFLAGS_IF) ||
	    kmodlab_fail_in_interrupt())
		return 0;
	task = used(u, regs);
	if (IS_ERR_OR_NULL(task) || task == current ||
	    strncmp(task->comm, exits, TASK_COMM_LEN))
		return 0;
	if (atomic_long_inc_return(&kmodlab_fail_calls) != kmodlab_fail_nth)
		return 0;
	if (!refcount_inc_not_zero(&task->usage)) {
		atomic_long_dec(&kmodlab_fail_calls);
		return 0;
	}
	atomic_set(&begun, 1);
	ending.task = task;
	ending.pid = get_pid(task_pid(task));
	ending.by_task = u->argument != PID_FIRST;
	ending.back = (unsigned long)kp->addr;
	exit_pid = task->pid;
	kmodlab_fail_note(mod, regs, u - uses, tail);
	regs->ip = (unsigned long)kmodlab_fail_detour;
	return 1;
}

/* ftrace lets only probes with such a handler change where the CPU continues. */
static void after_use(struct kprobe *kp, struct pt_regs *regs,
		      unsigned long flags)
{
}

static enum end how(void)
{
	struct task_struct *task;
	enum end end = ALIVE;

	rcu_read_lock();
	task = task_of(ending.pid);
	if (!task)
		end = GONE;
	else if (READ_ONCE(task->exit_state))
		end = ZOMBIE;
	rcu_read_unlock();
	return end;
}

/* Without a count of preemption, nothing says whether RCU or a lock is held. */
static bool may_sleep(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
	       IS_ENABLED(CONFIG_PREEMPT_RCU) && preemptible() &&
	       !rcu_preempt_depth();
}

/* Bounds of the wait: for the end, then for somebody who waits for the task. */
#define END_TIME (5 * HZ)
#define REAP_TIME (HZ / 2)

static void pause_for(bool sleeps)
{
	if (sleeps)
		schedule_timeout_uninterruptible(1);
	else
		udelay(50);
}

/*
 * The module is not within RCU, and what the kernel itself had of the task is dropped:
 * then only our own reference is left, unless the module has one, or somebody else.
 */
static bool is_unheld(struct task_struct *task)
{
	int i;

	for (i = 0; i < 10; i++) {
		rcu_barrier();
		if (refcount_read(&task->usage) == 1)
			return true;
		schedule_timeout_uninterruptible(1);
	}
	return false;
}

/* Returns where the module's call goes on. */
unsigned long kmodlab_fail_await(void);
unsigned long __used kmodlab_fail_await(void)
{
	unsigned long give_up = jiffies + END_TIME;
	bool sleeps = may_sleep(), dead = false;
	enum end end;

	send_sig(SIGKILL, ending.task, 1);
	for (;;) {
		end = how();
		if (end == ZOMBIE && !dead) {
			dead = true;
			give_up = jiffies + REAP_TIME;
		}
		if (end == GONE || time_after(jiffies, give_up))
			break;
		pause_for(sleeps);
	}
	if (sleeps && end == GONE && ending.by_task)
		exit_unheld = is_unheld(ending.task);
	put_task_struct(ending.task);
	put_pid(ending.pid);
	smp_store_release(&exit_end, end);
	return ending.back;
}

static struct use *known(const char *function)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uses); i++)
		if (!strcmp(uses[i].function, function))
			return &uses[i];
	return NULL;
}

int kmodlab_fail_set_uses(void)
{
	unsigned int i;
	int ret;

	if (!n_use)
		return 0;
	if (!exits)
		return -EINVAL;
	for (i = 0; i < n_use; i++) {
		struct use *u = known(use[i]);

		ret = -EINVAL;
		if (!u || u->set)
			goto clear;
		u->kp.symbol_name = u->function;
		u->kp.pre_handler = before_use;
		u->kp.post_handler = after_use;
		ret = register_kprobe(&u->kp);
		if (ret) {
			pr_err("no kprobe at %s: %pe\n", u->function,
			       ERR_PTR(ret));
			goto clear;
		}
		u->set = true;
	}
	return 0;

clear:
	kmodlab_fail_clear_uses();
	return ret;
}

void kmodlab_fail_clear_uses(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uses); i++) {
		if (uses[i].set)
			unregister_kprobe(&uses[i].kp);
		uses[i].set = false;
	}
	/* Whoever is in the detour has to be out of it. */
	while (atomic_read(&begun) && ending.task && !READ_ONCE(exit_end))
		schedule_timeout_uninterruptible(1);
	if (atomic_read(&begun))
		synchronize_rcu_tasks();
}
