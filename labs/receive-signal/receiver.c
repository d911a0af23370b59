// SPDX-License-Identifier: GPL-2.0
/*
 * receiver - a kernel thread that receives a signal
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
#include <linux/sched/signal.h>

#include "receiver.h"

struct task_struct *receiver_task;
EXPORT_SYMBOL_GPL(receiver_task);

/* The thread's function. It returns how many signals it has received. */
static int receive(void *unused)
{
	int received = 0;

	//> TODO 1: let SIGUSR1 through, and no other signal. Then, until the thread
	//> is asked to stop, sleep until a signal comes, take it out of the queue,
	//> and count it. That the thread is asked to stop is no signal.
	//>2 allow_signal() is about the thread that calls it.
	//>2 kernel_dequeue_signal() takes a signal out of the queue, and returns its
	//>2 number, or 0 if there is none. Only what it returns is a signal.
	//>3 A sleep in TASK_INTERRUPTIBLE ends when a signal comes. As in lab 2, set
	//>3 the state before the thread looks whether it is to stop.
	allow_signal(SIGUSR1);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
		__set_current_state(TASK_RUNNING);
		while (kernel_dequeue_signal()) {
			received++;
			pr_info("signal %d\n", received);
		}
	}
	__set_current_state(TASK_RUNNING);
	//- set_current_state(TASK_INTERRUPTIBLE);
	//- while (!kthread_should_stop()) {
	//- 	schedule();
	//- 	set_current_state(TASK_INTERRUPTIBLE);
	//- }
	//- __set_current_state(TASK_RUNNING);
	//<

	return received;
}

static int __init startup(void)
{
	receiver_task = kthread_run(receive, NULL, "receiver");
	return PTR_ERR_OR_ZERO(receiver_task);
}

static void __exit cleanup(void)
{
	pr_info("%d received\n", kthread_stop(receiver_task));
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A kernel thread that receives a signal");
