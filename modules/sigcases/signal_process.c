// SPDX-License-Identifier: GPL-2.0
/*
 * signal_process - what happens to a signal that is sent to a process
 *
 * Purpose
 *	Sends signals to a process: blocked ones, real-time ones, one to its process
 *	group, and one to a pid that no longer exists. The process is the modprobe that
 *	loads this module: it is current while the init function runs.
 *
 * Usage
 *	sudo modprobe signal_process; sudo modprobe -r signal_process
 *
 * What you will see (dmesg)
 *	SIGUSR1 twice, blocked   nothing: one stays pending, the second is merged with it
 *	signal 37, three times   three are taken, each with its own value
 *	SIGUSR1 to a dead pid    -ESRCH
 *	SIGWINCH to the group    modprobe gets it, as from a terminal that is resized
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
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 17, 0)
#define kthread_complete_and_exit complete_and_exit
#endif

/* A real-time signal that no C library reserves. */
#define SIGNAL_RT (SIGRTMIN + 5)
#define QUEUED 3

static DECLARE_COMPLETION(sent);

/*
 * Real-time signals are queued, each with its siginfo, as by sigqueue(3). They are
 * sent to one thread of the process: another thread may not block them, and would
 * take them if they were sent to the whole process.
 */
static int queue_signal(struct task_struct *task, int value)
{
	struct kernel_siginfo info;

	clear_siginfo(&info);
	info.si_signo = SIGNAL_RT;
	info.si_code = SI_QUEUE;
	info.si_int = value;
	return send_sig_info(SIGNAL_RT, &info, task);
}

/* The function of "sender". The process waits for it, so @process stays valid. */
static int send_to_process(void *process)
{
	int value, ret;

	ret = send_sig(SIGUSR1, process, 1);
	if (!ret)
		ret = send_sig(SIGUSR1, process, 1);
	for (value = 1; !ret && value <= QUEUED; value++)
		ret = queue_signal(process, value);
	if (ret)
		pr_err("%s: cannot send: %pe\n", current->comm, ERR_PTR(ret));

	/* Nobody stops this thread, so it has to end in code that is never unloaded. */
	kthread_complete_and_exit(&sent, 0);
}

static int end_at_once(void *unused)
{
	return 0;
}

/*
 * A struct pid never names another task: once its own task is gone, it finds none.
 * The number alone might already belong to another process.
 */
static int __init signal_the_dead(void)
{
	struct task_struct *task;
	struct pid *pid;
	int ret;

	task = kthread_create(end_at_once, NULL, "gone");
	if (IS_ERR(task))
		return PTR_ERR(task);
	pid = get_task_pid(task, PIDTYPE_PID);
	get_task_struct(task);
	wake_up_process(task);
	/* After the exit and before the pid is gone, a signal would just be pending. */
	while (pid_alive(task))
		msleep(1);
	ret = kill_pid(pid, SIGUSR1, 1);
	kthread_stop(task); /* returns at once, the thread has ended */
	put_task_struct(task);
	put_pid(pid);
	pr_info("SIGUSR1 to a dead pid: %pe\n", ERR_PTR(ret));
	return 0;
}

/* Takes the signals as sigwaitinfo(2) would, the lowest number first. */
static void __init take_queued(void)
{
	sigset_t rt;
	int sig;

	siginitset(&rt, 0);
	sigaddset(&rt, SIGNAL_RT);
	sigprocmask(SIG_UNBLOCK, &rt, NULL);
	while ((sig = kernel_dequeue_signal()) != 0)
		pr_info("%s: took signal %d\n", current->comm, sig);
}

static int __init startup(void)
{
	struct task_struct *sender;
	sigset_t block;
	int ret;

	ret = signal_the_dead();
	if (ret)
		goto failed;

	siginitset(&block, sigmask(SIGUSR1));
	sigaddset(&block, SIGNAL_RT);
	sigprocmask(SIG_BLOCK, &block, NULL);

	sender = kthread_run(send_to_process, current, "sender");
	if (IS_ERR(sender)) {
		ret = PTR_ERR(sender);
		goto failed;
	}
	wait_for_completion(&sent);
	take_queued();

	/* SIGUSR1 stays blocked, otherwise it would kill modprobe. */
	return kill_pgrp(task_pgrp(current), SIGWINCH, 1);

failed:
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
MODULE_DESCRIPTION("What happens to a signal that is sent to a process");
