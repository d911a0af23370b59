// SPDX-License-Identifier: GPL-2.0
/* Takes memory twice and starts a thread, and gives back what it has when one of them fails. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

static int size = 100;
module_param(size, int, 0444);

static char *first, *second;
static struct task_struct *thread;

static int life(void *unused)
{
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int __init unwinds_init(void)
{
	int ret = -ENOMEM;

	first = kmalloc(size, GFP_KERNEL);
	if (!first)
		return ret;
	second = kzalloc(2 * size, GFP_KERNEL);
	if (!second)
		goto free_first;
	thread = kthread_run(life, NULL, "fail_life"); /* fails */
	if (IS_ERR(thread)) {
		ret = PTR_ERR(thread);
		goto free_second;
	}
	return 0;

free_second:
	kfree(second);
free_first:
	kfree(first);
	return ret;
}

static void __exit unwinds_exit(void)
{
	kthread_stop(thread);
	kfree(second);
	kfree(first);
}

module_init(unwinds_init);
module_exit(unwinds_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Undoes what it did when a call fails");
