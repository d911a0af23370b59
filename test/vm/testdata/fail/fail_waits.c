// SPDX-License-Identifier: GPL-2.0
/* Its init waits for a thread, unless a signal comes. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static struct task_struct *thread;
static bool ready;

static int life(void *unused)
{
	schedule_timeout_uninterruptible(HZ / 10);
	ready = true;
	wake_up(&queue);
	/* A thread that allows no signal: no signal ends this wait. */
	wait_event_interruptible(queue, kthread_should_stop());
	return 0;
}

static int __init waits_init(void)
{
	int ret;

	thread = kthread_run(life, NULL, "fail_life");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	ret = wait_event_interruptible(queue, ready); /* fails */
	pr_info("wait_event_interruptible returned %d\n", ret);
	if (ret == -ERESTARTSYS)
		ret = -EINTR; /* a load does not begin anew */
	if (ret)
		kthread_stop(thread);
	return ret;
}

static void __exit waits_exit(void)
{
	kthread_stop(thread);
}

module_init(waits_init);
module_exit(waits_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Waits until a signal comes");
