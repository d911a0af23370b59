// SPDX-License-Identifier: GPL-2.0
/*
 * send - sends a signal to a thread that may be gone by then
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "target.h"

static int __init startup(void)
{
	//> TODO 1: send SIGUSR1 to the task that target_pid() stands for, once.
	//> If that task is gone, return -ESRCH. Give back all that you have taken.
	//>2 get_pid_task() returns the task with a reference of your own, or NULL.
	//>2 put_task_struct() and put_pid() give references back.
	//>2 send_sig(SIGUSR1, task, 1) sends the signal from the kernel.
	struct pid *pid = target_pid();
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	int ret = -ESRCH;

	if (task) {
		ret = send_sig(SIGUSR1, task, 1);
		put_task_struct(task);
	}
	put_pid(pid);
	return ret;
	//- return 0;
	//<
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Sends a signal to a thread that may be gone");
