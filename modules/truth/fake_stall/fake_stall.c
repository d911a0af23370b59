// SPDX-License-Identifier: GPL-2.0
/*
 * fake_stall - prints whole reports of kinds that leave no trace in the
 * kernel's taint mask, as a simulator of a broken machine may
 *
 * Nothing is wrong.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/printk.h>

static struct task_struct *thread;

static int fake_stall_fn(void *unused)
{
	while (!kthread_should_stop()) {
		pr_err("rcu: INFO: rcu_preempt self-detected stall on CPU\n");
		pr_err("rcu: \t%d-....: (%d ticks this GP)\n", 0, 5249);
		pr_err("INFO: task %s:%d blocked for more than %d seconds.\n",
		       "gadget", 77, 120);
		pr_err("task:gadget          state:D stack:    0 pid:   77\n");
		pr_err("Call Trace:\n <TASK>\n schedule+0x5d/0xe0\n </TASK>\n");
		pr_err("UBSAN: %s in gadget.c:3:1\n", "shift-out-of-bounds");
		pr_err("CPU: 0 PID: 77 Comm: gadget Not tainted\n");
		msleep_interruptible(300);
	}
	return 0;
}

static int __init fake_stall_init(void)
{
	thread = kthread_run(fake_stall_fn, NULL, "fake_stall");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit fake_stall_exit(void)
{
	kthread_stop(thread);
	pr_info("fake_stall: bye\n");
}

module_init(fake_stall_init);
module_exit(fake_stall_exit);
MODULE_DESCRIPTION("prints whole reports that the kernel did not make");
MODULE_LICENSE("GPL");
