// SPDX-License-Identifier: GPL-2.0
/*
 * thread_stop - three kernel threads that kthread_stop() does not end in the usual way
 *
 * Purpose
 *	Shows that a kernel thread can end before its function is called, that it may
 *	end by itself, and what is needed to get its result in that case.
 *
 * Usage
 *	sudo modprobe thread_stop; sudo modprobe -r thread_stop
 *
 * What you will see (dmesg)
 *	never_ran: kthread_stop() returned -EINTR. Its function did not run.
 *	ended_held: ended by itself, and kthread_stop() still returned its 7.
 *	ended_alone: ended by itself, and nobody stopped it.
 *	All of this happens in init; exit has nothing to do.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 17, 0)
#define kthread_complete_and_exit complete_and_exit
#endif

#define HELD_RESULT 7

/* The function of never_ran. It would report if it were called. */
static int tell_that_i_ran(void *unused)
{
	pr_err("%s: I ran, and should not have\n", current->comm);
	return 0;
}

/*
 * A new thread sleeps until it is woken. Here kthread_stop() wakes it: the thread
 * sees that it should stop and ends with -EINTR, without a call of its function.
 * So a module must not rely on the function of a thread to free something: it may
 * never be called.
 */
static int __init stop_before_first_run(void)
{
	struct task_struct *task;
	int ret;

	task = kthread_create(tell_that_i_ran, NULL, "never_ran");
	if (IS_ERR(task))
		return PTR_ERR(task);
	ret = kthread_stop(task);
	pr_info("never_ran: kthread_stop() returned %pe\n", ERR_PTR(ret));
	return 0;
}

static int return_at_once(void *unused)
{
	return HELD_RESULT;
}

/*
 * The task_struct of a thread that has returned is freed with the last reference,
 * and kthread_stop() would then use freed memory. So a reference is taken before
 * the thread can run.
 *
 * Call kthread_stop() only once for each thread: it waits for a completion that is
 * completed once, so a second call would wait forever.
 */
static int __init stop_after_the_end(void)
{
	struct task_struct *task;
	int ret;

	task = kthread_create(return_at_once, NULL, "ended_held");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	wake_up_process(task);
	while (!READ_ONCE(task->exit_state))
		msleep(1);

	ret = kthread_stop(task);
	put_task_struct(task);
	pr_info("ended_held: ended by itself, kthread_stop() returned %d\n",
		ret);
	return 0;
}

/*
 * If this function called complete() and then returned, its last instructions
 * could run after the module is unloaded. kthread_complete_and_exit() is code of
 * the kernel and does not return, so after it the module may be unloaded.
 */
static int end_alone(void *done)
{
	kthread_complete_and_exit(done, 0);
}

static int __init never_stop(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *task;

	task = kthread_run(end_alone, &done, "ended_alone");
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* From here on, task may point to freed memory. */
	wait_for_completion(&done);
	pr_info("ended_alone: ended by itself, nobody stops it\n");
	return 0;
}

static int __init startup(void)
{
	int ret;

	ret = stop_before_first_run();
	if (!ret)
		ret = stop_after_the_end();
	if (!ret)
		ret = never_stop();
	if (ret)
		pr_err("cannot start a thread: %pe\n", ERR_PTR(ret));
	return ret;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Kernel threads that never ran, or ended by themselves");
