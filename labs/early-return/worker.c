// SPDX-License-Identifier: GPL-2.0
/*
 * worker - a kernel thread that ends when its work is done, or is stopped before
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
#include <linux/sched/task.h>

static int rounds = 5;
module_param(rounds, int, 0444);
MODULE_PARM_DESC(rounds, "how many rounds the work takes");

static struct task_struct *task;

/* The thread's function. It returns how many rounds it did. */
static int work(void *unused)
{
	int done = 0;

	//> TODO 1: do as many rounds as "rounds" says: count one, and sleep for a
	//> hundredth of a second. Return when they are done, or when the thread is
	//> asked to stop.
	//>2 schedule_timeout_interruptible(HZ / 100) sleeps, and a wake-up ends it.
	while (done < rounds && !kthread_should_stop()) {
		done++;
		schedule_timeout_interruptible(HZ / 100);
	}
	//<

	return done;
}

static int __init startup(void)
{
	//> TODO 2: start a thread "worker" that runs work(). It may have ended
	//> long before the module is unloaded: see to it that the task_struct is
	//> still there then.
	//>2 get_task_struct() takes a reference. It must be taken before the thread
	//>2 can end, so before it is woken for the first time.
	//>3 kthread_create() creates a thread that does not run yet.
	//>3 wake_up_process() has it run.
	task = kthread_create(work, NULL, "worker");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	wake_up_process(task);
	//- pr_info("nobody runs %ps() yet\n", work);
	//<
	return 0;
}

static void __exit cleanup(void)
{
	//> TODO 3: stop the thread if it still runs, and print what it returned in
	//> any case. Give back what startup() took.
	//>2 kthread_stop() of a thread that has ended returns at once, with what its
	//>2 function returned. It needs a task_struct that is still there.
	pr_info("%d rounds\n", kthread_stop(task));
	put_task_struct(task);
	//- pr_info("%p is not asked\n", task);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A kernel thread that may end by itself");
