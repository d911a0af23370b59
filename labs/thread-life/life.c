// SPDX-License-Identifier: GPL-2.0
/*
 * life - a kernel thread that is started, does its rounds, and is stopped
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

/* The thread sleeps as long as this between two rounds. */
#define PAUSE (5 * HZ)

static struct task_struct *task;

/* The thread's function. It returns the number of its rounds. */
static int live(void *unused)
{
	int rounds = 0;

	//! Lab 3 is about the order of these calls. Here it is enough that the
	//! sleep can be ended by kthread_stop().
	//> TODO 1: do rounds until the thread is asked to stop.
	//> Count a round, then sleep for PAUSE. When kthread_stop() is called, the
	//> thread must not sleep to the end of its pause.
	//>2 kthread_should_stop() says whether somebody has called kthread_stop(),
	//>2 which also wakes the thread, if its sleep can be interrupted.
	//>3 Set the state to TASK_INTERRUPTIBLE, then ask kthread_should_stop(),
	//>3 then call schedule_timeout(). Leave the loop with TASK_RUNNING.
	for (;;) {
		rounds++;
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule_timeout(PAUSE);
	}
	//=3
	__set_current_state(TASK_RUNNING);
	//<

	return rounds;
}

static int __init startup(void)
{
	//> TODO 2: start a thread that is called "life" and runs live().
	//> If that fails, the module does not load: return the error.
	//>2 kthread_run() creates a thread and wakes it. It never returns NULL:
	//>2 see IS_ERR() and PTR_ERR() in <linux/err.h>.
	task = kthread_run(live, NULL, "life");
	//- pr_info("nobody runs %ps() yet\n", live);
	//- task = NULL;
	//=3
	if (IS_ERR(task))
		return PTR_ERR(task);
	//<
	return 0;
}

static void __exit cleanup(void)
{
	//> TODO 3: stop the thread, and wait until it has ended.
	//> Print how many rounds it did.
	//>2 kthread_stop() does both, and returns what the thread's function
	//>2 returned.
	pr_info("%d rounds\n", kthread_stop(task));
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("The life of a kernel thread");
