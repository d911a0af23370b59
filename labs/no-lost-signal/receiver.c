// SPDX-License-Identifier: GPL-2.0
/*
 * receiver - a kernel thread that loses no signal
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

DECLARE_COMPLETION(poked);
EXPORT_SYMBOL_GPL(poked);

static struct task_struct *task;

/* The thread's function. It returns how many signals it has received. */
static int receive(void *unused)
{
	int received = 0;

	//> TODO 1: allow SIGUSR1, and publish() the thread that runs here. Then, as
	//> in lab 8, take signals out of the queue and count them, until the thread
	//> is asked to stop. A signal may come as soon as the thread is published,
	//> and none may be lost.
	//>2 A signal that is sent before it is allowed is gone.
	//>2 One that comes while publish() waits is in the queue already when the
	//>2 loop begins.
	//>3 Do not throw away what is in the queue, and do not sleep before you have
	//>3 looked into it.
	allow_signal(SIGUSR1);
	publish(current);
	for (;;) {
		while (kernel_dequeue_signal())
			received++;
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
		__set_current_state(TASK_RUNNING);
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
	task = kthread_run(receive, NULL, "receiver");
	return PTR_ERR_OR_ZERO(task);
}

static void __exit cleanup(void)
{
	pr_info("%d received\n", kthread_stop(task));
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A kernel thread that loses no signal");
