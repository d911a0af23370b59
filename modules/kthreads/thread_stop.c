// SPDX-License-Identifier: GPL-2.0
/*
 * thread_stop - three kernel threads that kthread_stop() does not end as usual
 *
 * Purpose
 *	Shows that a kernel thread can be over before its function began, that a
 *	thread may end by itself, and what it takes to ask it for its result then.
 *
 * Usage
 *	sudo modprobe thread_stop; sudo modprobe -r thread_stop
 *
 * What you will see (dmesg)
 *	never_ran: kthread_stop() returned -EINTR. Its function did not run.
 *	ended_held: ended by itself, and kthread_stop() still returned its 7.
 *	ended_alone: ended by itself, and nobody stopped it.
 *	All of that happens in init; exit has nothing left to do.
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

/* The function of never_ran: it would tell if it were called. */
static int tell_that_i_ran(void *unused)
{
	pr_err("%s: I ran, and should not have\n", current->comm);
	return 0;
}

/*
 * A new thread sleeps until somebody wakes it. Here it is kthread_stop() who
 * does: the thread finds itself told to stop, and ends with -EINTR in place of
 * calling its function. So whoever frees things in a thread's function must be
 * ready to free them elsewhere.
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
 * A thread that has returned is gone as soon as the last reference to its
 * task_struct is, and kthread_stop() would then look at freed memory. Hence the
 * reference, taken before the thread can run.
 *
 * One kthread_stop() for each thread: it waits for a completion that is given
 * once, and a second call would wait for ever.
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
 * Were it to call complete() and then return, it could be on its last lines
 * when the module's code goes away. This call ends the thread from inside the
 * kernel's own code, so who waits for the completion may free the module.
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
	/* From here on task may point to freed memory. */
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
