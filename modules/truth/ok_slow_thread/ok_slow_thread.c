// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_thread - exit waits 12 s for a thread in one long sleep
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *thread;

static int sleep_fn(void *unused)
{
	while (!kthread_should_stop())
		ssleep(12);
	return 0;
}

static int __init ok_slow_thread_init(void)
{
	thread = kthread_run(sleep_fn, NULL, "ok_slow_thread");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit ok_slow_thread_exit(void)
{
	kthread_stop(thread);
	pr_info("ok_slow_thread: stopped\n");
}

module_init(ok_slow_thread_init);
module_exit(ok_slow_thread_exit);
MODULE_DESCRIPTION("exit waits 12 s for a thread in one long sleep");
MODULE_LICENSE("GPL");
