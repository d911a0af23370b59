// SPDX-License-Identifier: GPL-2.0
/* Forgets its first thread when there is no second. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static struct task_struct *threads[2];

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

static int __init left_init(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		threads[i] = kthread_run(life, NULL, "fail_life/%d", i); /* fails */
		if (IS_ERR(threads[i]))
			return PTR_ERR(threads[i]);
	}
	return 0;
}

static void __exit left_exit(void)
{
	kthread_stop(threads[1]);
	kthread_stop(threads[0]);
}

module_init(left_init);
module_exit(left_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Leaves a thread when it cannot start another");
