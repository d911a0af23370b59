// SPDX-License-Identifier: GPL-2.0
/*
 * sleeper - a kernel thread that sleeps until somebody wakes it
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "asked.h"

static struct task_struct *task;

/* The thread's function. It returns how often it was woken. */
static int sleeper(void *unused)
{
	int woken = 0;

	//> TODO 1: sleep until the thread is woken, and count that. End when
	//> asked() says that it is to stop. It must neither run while it waits, nor
	//> sleep on when the stop comes just after asked() has looked.
	//>2 kthread_stop() wakes the thread once. Whoever is not asleep then, and
	//>2 sleeps afterwards, is not woken again.
	//>2 schedule() sleeps only if the state still says so. A wake-up sets it to
	//>2 TASK_RUNNING.
	//>3 First set_current_state(), then look, then schedule().
	for (;;) {
		set_current_state(TASK_IDLE);
		if (asked())
			break;
		schedule();
		woken++;
	}
	__set_current_state(TASK_RUNNING);
	//- pr_info("nobody asks whether to stop: %d\n", asked());
	//<

	return woken;
}

static int __init startup(void)
{
	//> TODO 2: start the thread "sleeper".
	task = kthread_run(sleeper, NULL, "sleeper");
	return PTR_ERR_OR_ZERO(task);
	//- pr_info("nobody runs %ps() yet\n", sleeper);
	//- return 0;
	//<
}

static void __exit cleanup(void)
{
	//> TODO 3: stop the thread.
	pr_info("woken %d times\n", kthread_stop(task));
	//- pr_info("%p goes on\n", task);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A kernel thread that sleeps until it is woken");
