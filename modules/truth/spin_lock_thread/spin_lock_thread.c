// SPDX-License-Identifier: GPL-2.0
/*
 * spin_lock_thread - a thread waits for a spinlock that init has never given back
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);
static struct task_struct *thread;

static int wait_fn(void *unused)
{
	spin_lock(&lock);
	spin_unlock(&lock);
	while (!kthread_should_stop())
		schedule();
	return 0;
}

static int __init spin_lock_thread_init(void)
{
	if (!raw_spin_trylock(&lock.rlock))
		return -EBUSY;
	__release(&lock.rlock); /* for sparse: it is meant to be kept */
	preempt_enable();
	thread = kthread_run(wait_fn, NULL, "spin_lock_thread");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit spin_lock_thread_exit(void)
{
	kthread_stop(thread);
	pr_info("spin_lock_thread: stopped\n");
}

module_init(spin_lock_thread_init);
module_exit(spin_lock_thread_exit);
MODULE_DESCRIPTION(
	"a thread waits for a spinlock that init has never given back");
MODULE_LICENSE("GPL");
