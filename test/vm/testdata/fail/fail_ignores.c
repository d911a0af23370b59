// SPDX-License-Identifier: GPL-2.0
/* Does not look at what kthread_run() returns. */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

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

static int __init ignores_init(void)
{
	thread = kthread_run(life, NULL, "fail_life"); /* fails */
	return 0;
}

static void __exit ignores_exit(void)
{
	kthread_stop(thread); /* oops */
}

module_init(ignores_init);
module_exit(ignores_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Stops a thread that it may not have");
