// SPDX-License-Identifier: GPL-2.0
/*
 * signal_handling - a kernel thread that requests a module and receives signals
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "signals.h"

pid_t kthread_pid;
EXPORT_SYMBOL_GPL(kthread_pid);

static struct task_struct *k1;

/* K1's function. It returns how many signals it has received. */
static int inc_func(void *unused)
{
	int received = 0;

	//> TODO 1: ask for the module send_signal, and print what came of it. K1
	//> lives on in any case. Then let SIGUSR1 through, publish the pid in
	//> kthread_pid, and count the signals until K1 is asked to stop.
	//>2 request_module() returns a negative error, 0, or a wait status.
	//>2 A signal that is pending already is not pending twice: publish the pid
	//>2 when K1 is ready to take signals, and not before.
	//>3 allow_signal(), smp_store_release(), then a loop with sleep_for() and
	//>3 kernel_dequeue_signal().
	int ret = request_module("send_signal");

	if (ret < 0)
		pr_warn("modprobe was not run: %d\n", ret);
	else if (ret > 0)
		pr_warn("modprobe failed, with status %d\n", ret);
	else
		pr_info("modprobe succeeded\n");

	allow_signal(SIGUSR1);
	smp_store_release(&kthread_pid, current->pid);
	while (!kthread_should_stop()) {
		sleep_for(HZ);
		while (kernel_dequeue_signal())
			received++;
	}
	//- sleep_until_stopped();
	//<

	return received;
}

static int __init startup(void)
{
	//> TODO 2: start K1: a thread "K1" that runs inc_func(). If that fails, the
	//> module does not load.
	k1 = kthread_run(inc_func, NULL, "K1");
	return PTR_ERR_OR_ZERO(k1);
	//- pr_info("nobody runs %ps() yet\n", inc_func);
	//- return 0;
	//<
}

static void __exit cleanup(void)
{
	//> TODO 3: withdraw the pid, stop K1, and print how many signals it has
	//> received.
	WRITE_ONCE(kthread_pid, 0);
	pr_info("%d received\n", kthread_stop(k1));
	//- pr_info("%p is not stopped\n", k1);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A kernel thread that receives the signals of send_signal");
