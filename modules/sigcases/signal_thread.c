// SPDX-License-Identifier: GPL-2.0
/*
 * signal_thread - what happens to a signal that is sent to a kernel thread
 *
 * Purpose
 *	Sends signals to a kernel thread, "listener", in every way that has a different
 *	outcome: too early, in time, twice, from the wrong sender, and SIGKILL. The
 *	kernel reports success to the sender each time.
 *
 * Usage
 *	sudo modprobe signal_thread; sudo modprobe -r signal_thread
 *
 * What you will see (dmesg)
 *	SIGUSR1 before allow_signal()        nothing: ignored
 *	SIGUSR1 twice after it               listener took signal 10, once
 *	SIGUSR2, only the kernel may send it nothing: ignored, because it seems to come from a user
 *	SIGUSR2 from the kernel              listener took signal 12
 *	SIGKILL                              nothing: ignored
 *	SIGUSR1 to deaf, who never checks    nothing: pending until deaf ends
 *	Since 6.0 signal_pending() is true in listener at the end although no signal was
 *	sent, because kthread_stop() sets it.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>

static struct task_struct *listener, *deaf;

/*
 * Listener and sender take turns. A thread that waits for a completion takes no
 * signals, so those that arrive meanwhile stay pending.
 */
static DECLARE_COMPLETION(listener_ready);
static DECLARE_COMPLETION(signals_sent);

static void let_the_sender_send(void)
{
	complete(&listener_ready);
	wait_for_completion(&signals_sent);
}

static void take_signals(void)
{
	int sig;

	while ((sig = kernel_dequeue_signal()) != 0)
		pr_info("%s: took signal %d\n", current->comm, sig);
}

static void sleep_until_stopped(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int listen(void *unused)
{
	/* A new kernel thread ignores every signal. */
	let_the_sender_send();

	allow_signal(SIGUSR1);
	allow_kernel_signal(SIGUSR2);
	let_the_sender_send();
	take_signals();

	complete(&listener_ready);
	sleep_until_stopped();

	/*
	 * A common mistake: kthread_stop() itself makes signal_pending() true
	 * since 6.0, and there is no signal to be flushed.
	 */
	if (signal_pending(current)) {
		pr_info("%s: signal_pending() says yes\n", current->comm);
		flush_signals(current);
	}
	return 0;
}

/*
 * Allows a signal and never checks whether one has arrived. An interruptible sleep
 * would keep the CPU busy, because schedule() returns at once while a signal is
 * pending. No signal ends a sleep in TASK_IDLE.
 */
static int never_listen(void *unused)
{
	allow_signal(SIGUSR1);
	complete(&listener_ready);
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/*
 * Reports only a signal that could not be sent: the sender is not told that a
 * signal is ignored. With @priv the signal comes from the kernel.
 */
static void __init send(int sig, struct task_struct *task, int priv)
{
	int ret = send_sig(sig, task, priv);

	if (ret)
		pr_err("cannot send signal %d to %s: %pe\n", sig, task->comm,
		       ERR_PTR(ret));
}

static void __init send_all(void)
{
	wait_for_completion(&listener_ready);
	send(SIGUSR1, listener, 1); /* not allowed yet */
	complete(&signals_sent);

	wait_for_completion(&listener_ready);
	send(SIGUSR1, listener, 1);
	send(SIGUSR1, listener, 1); /* merged with the first */
	send(SIGUSR2, listener, 0); /* as if from user space */
	send(SIGUSR2, listener, 1);
	send(SIGKILL, listener, 1); /* not allowed either */
	complete(&signals_sent);

	wait_for_completion(&listener_ready);
}

static int __init startup(void)
{
	listener = kthread_run(listen, NULL, "listener");
	if (IS_ERR(listener)) {
		pr_err("cannot start listener: %pe\n", listener);
		return PTR_ERR(listener);
	}
	send_all();

	deaf = kthread_run(never_listen, NULL, "deaf");
	if (IS_ERR(deaf)) {
		pr_err("cannot start deaf: %pe\n", deaf);
		kthread_stop(listener);
		return PTR_ERR(deaf);
	}
	wait_for_completion(&listener_ready);
	send(SIGUSR1, deaf, 1);
	return 0;
}

/* Neither thread ends by itself. */
static void __exit cleanup(void)
{
	kthread_stop(deaf);
	kthread_stop(listener);
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("What happens to a signal that is sent to a kernel thread");
