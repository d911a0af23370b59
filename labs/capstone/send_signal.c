// SPDX-License-Identifier: GPL-2.0
/*
 * send_signal - a kernel thread that sends signals to the thread of another module
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "signals.h"

static struct task_struct *k2;

/* Sends SIGUSR1 to the task with that number. Returns 0, or an error. */
static int send(pid_t nr)
{
	int ret = -ESRCH;

	//> TODO 4: find the task, and send it SIGUSR1. It may be gone, or not be
	//> there yet; then return -ESRCH. Give back all that you have taken.
	//>2 find_get_pid() and get_pid_task() take a reference each.
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	if (task) {
		ret = send_sig(SIGUSR1, task, 1);
		put_task_struct(task);
	}
	put_pid(pid);
	//<
	return ret;
}

/* K2's function. It returns how many signals it has sent. */
static int send_signal_to_task(void *unused)
{
	int sent = 0;

	//> TODO 5: wait for PERIOD, then send a signal to the task of kthread_pid;
	//> so until SIGNALS were sent. A time at which it could not be sent does not
	//> count. Then wait until K2 is asked to stop, which may be at any moment.
	//>2 If the function returned, its task might be freed before it is stopped.
	while (sent < SIGNALS && !kthread_should_stop()) {
		sleep_for(PERIOD);
		if (!kthread_should_stop() &&
		    !send(smp_load_acquire(&kthread_pid)))
			sent++;
	}
	sleep_until_stopped();
	//- pr_info("nobody calls %ps(%d) yet\n", send, kthread_pid);
	//- sleep_until_stopped();
	//<

	return sent;
}

static int __init startup(void)
{
	//> TODO 6: start K2: a thread "K2" that runs send_signal_to_task(). If that
	//> fails, the module does not load.
	k2 = kthread_run(send_signal_to_task, NULL, "K2");
	return PTR_ERR_OR_ZERO(k2);
	//- pr_info("nobody runs %ps() yet\n", send_signal_to_task);
	//- return 0;
	//<
}

static void __exit cleanup(void)
{
	//> TODO 7: stop K2, and print how many signals it has sent.
	pr_info("%d sent\n", kthread_stop(k2));
	//- pr_info("%p is not stopped\n", k2);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION(
	"A kernel thread that sends signals to K1 of signal_handling");
