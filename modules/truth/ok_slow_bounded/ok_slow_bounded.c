// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_bounded - a thread that does not look, but ends after 600 naps
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

static struct task_struct *thread;

static int naps_fn(void *unused)
{
	int i;

	for (i = 0; i < 600; i++)
		usleep_range(20000, 21000);
	return 0;
}

static int __init ok_slow_bounded_init(void)
{
	thread = kthread_create(naps_fn, NULL, "ok_slow_bounded");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	wake_up_process(thread);
	return 0;
}

static void __exit ok_slow_bounded_exit(void)
{
	kthread_stop(thread);
	put_task_struct(thread);
}

module_init(ok_slow_bounded_init);
module_exit(ok_slow_bounded_exit);
MODULE_DESCRIPTION("a thread that does not look, but ends after 600 naps");
MODULE_LICENSE("GPL");
