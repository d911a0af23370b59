// SPDX-License-Identifier: GPL-2.0
/*
 * spin_thread - has a thread that loops forever
 *
 * Purpose
 *	As in spin_init, but in a thread: the module loads, and one processor
 *	is lost.
 *
 * Usage
 *	kmodlab run modules/faults/spin_thread
 *
 * What you will see
 *	The verdict is lockup, in spin_fn.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *thread;
static int ready;

static int spin_fn(void *unused)
{
	for (; !READ_ONCE(ready); cpu_relax()) /* fault */
		;
	return 0;
}

static int __init spin_thread_init(void)
{
	thread = kthread_run(spin_fn, NULL, "spin_thread");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit spin_thread_exit(void)
{
	kthread_stop(thread);
}

module_init(spin_thread_init);
module_exit(spin_thread_exit);

MODULE_DESCRIPTION("Has a thread that loops forever");
MODULE_LICENSE("GPL");
