// SPDX-License-Identifier: GPL-2.0
/*
 * kmodlab_probe - makes everything that kmodlab's tracer can see happen once
 *
 * Purpose
 *	A hook that is attached may still never fire, because the compiler may have
 *	inlined the function into all of its callers. So before a traced run begins,
 *	this module takes kernel threads, works, signals and a module request through
 *	their lives. A hook counts only if it was seen to fire.
 *
 * Usage
 *	kmodlab builds and loads it. By hand: insmod kmodlab_probe.ko
 *
 * What you will see
 *	Nothing in the log, unless a step fails. insmod says "Operation canceled":
 *	init does the work and then returns an error, so that the kernel discards
 *	the module at once. That saves a call of delete_module and leaves nothing
 *	in the list of modules. If a step fails, some hooks are not seen to fire,
 *	and nothing else is wrong, so the other steps follow.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

/* Sends a signal to the current thread, which needs no other thread and no wait. */
static void signal_myself(void)
{
	send_sig(SIGUSR1, current, 1);
}

/* Dequeues one signal, flushes another, and waits until it is stopped. */
static int probe_thread(void *unused)
{
	allow_signal(SIGUSR1);
	signal_myself();
	kernel_dequeue_signal();
	signal_myself();
	flush_signals(current);

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/*
 * kthread_park() wakes a new thread, which parks itself before it calls its
 * function. The kernel starts its own per-CPU threads in this way. Here it keeps
 * the function simple: it need not check for parking in a loop.
 */
static void try_thread(void)
{
	struct task_struct *t;
	int ret;

	t = kthread_create(probe_thread, NULL, "kmodlab_probe");
	if (IS_ERR(t)) {
		pr_warn("cannot start a thread: %pe\n", t);
		return;
	}
	kthread_bind(t, raw_smp_processor_id());
	ret = kthread_park(t);
	if (ret)
		pr_warn("cannot park a thread: %pe\n", ERR_PTR(ret));
	kthread_unpark(t);
	kthread_stop(t);
}

static void probe_work(struct kthread_work *work)
{
}

static void try_worker(void)
{
	struct kthread_worker *worker;
	struct kthread_work work;

	worker = kthread_create_worker(0, "kmodlab_probe_w");
	if (IS_ERR(worker)) {
		pr_warn("cannot start a worker: %pe\n", worker);
		return;
	}
	wake_up_process(worker->task); /* needed since 6.14 */
	kthread_init_work(&work, probe_work);
	kthread_queue_work(worker, &work);
	kthread_flush_work(&work);
	kthread_destroy_worker(worker);
}

#define BLOCKED 3

static DECLARE_COMPLETION(all_begun);
static atomic_t to_begin = ATOMIC_INIT(BLOCKED);

/* Keeps its worker busy until the other works have a worker, too. */
static void block(struct work_struct *work)
{
	if (atomic_dec_and_test(&to_begin))
		complete_all(&all_begun);
	else
		wait_for_completion_timeout(&all_begun, HZ);
}

/*
 * kthread_bind_mask() is not exported to modules. The workqueues call it for each
 * thread that they start, and they start one when the last idle thread of a pool
 * gets work. The high-priority pool rarely has more than two threads.
 */
static void try_pool(void)
{
	static struct work_struct works[BLOCKED];
	int cpu = raw_smp_processor_id();
	int i;

	for (i = 0; i < BLOCKED; i++) {
		INIT_WORK(&works[i], block);
		queue_work_on(cpu, system_highpri_wq, &works[i]);
	}
	for (i = 0; i < BLOCKED; i++)
		flush_work(&works[i]);
}

static int __init probe_init(void)
{
	try_thread();
	try_worker();
	try_pool();
	if (try_module_get(THIS_MODULE))
		module_put(THIS_MODULE);
	/* modprobe runs, finds nothing and fails, which is enough. */
	request_module("kmodlab_probe_absent");
	/* Wait until the tasks that ended above are freed: that is a hook, too. */
	rcu_barrier();
	return -ECANCELED;
}
module_init(probe_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Makes everything that kmodlab's tracer can see happen once");
