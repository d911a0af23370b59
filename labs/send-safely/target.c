// SPDX-License-Identifier: GPL-2.0
/*
 * target - a thread that ends when it gets a signal, or earlier
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "target.h"

static bool ends;
module_param(ends, bool, 0444);
MODULE_PARM_DESC(ends, "the target ends before the signal can be sent");

static struct task_struct *thread;
static bool stopped;

static int wait(void *unused)
{
	int signals = 0;

	allow_signal(SIGUSR1);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
		__set_current_state(TASK_RUNNING);
		while (kernel_dequeue_signal())
			signals++;
	}
	__set_current_state(TASK_RUNNING);
	return signals;
}

static void stop(void)
{
	if (!stopped)
		kthread_stop(thread);
	stopped = true;
}

struct pid *target_pid(void)
{
	struct pid *pid = get_task_pid(thread, PIDTYPE_PID);

	if (ends) {
		stop();
		/* The last steps of a thread's end come after kthread_stop() returns. */
		while (pid_has_task(pid, PIDTYPE_PID))
			msleep(20);
	}
	return pid;
}
EXPORT_SYMBOL_GPL(target_pid);

static int __init startup(void)
{
	thread = kthread_create(wait, NULL, "target");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	wake_up_process(thread);
	return 0;
}

static void __exit cleanup(void)
{
	stop();
	put_task_struct(thread);
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A thread that may end at any moment");
