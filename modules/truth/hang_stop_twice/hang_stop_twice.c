// SPDX-License-Identifier: GPL-2.0
/* A thread that has ended is stopped a second time. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static struct task_struct *task;

static int twice_fn(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return 0;
}

static int __init twice_init(void)
{
	task = kthread_run(twice_fn, NULL, "twice");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	return 0;
}

static void __exit twice_exit(void)
{
	kthread_stop(task);
	kthread_stop(task);
	put_task_struct(task);
}

module_init(twice_init);
module_exit(twice_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("stops a thread twice");
