// SPDX-License-Identifier: GPL-2.0
/*
 * signal_handling - a kernel thread that requests a module and receives signals
 *
 * Purpose
 *	Shows how a kernel thread (K1) is created and stopped, how it loads another
 *	module through request_module(), how it shares a variable with that module
 *	through EXPORT_SYMBOL(), and how it receives signals.
 *
 * Usage
 *	make && sudo make modules_install
 *	sudo modprobe signal_handling [period_ms=100]
 *	sudo modprobe -r send_signal signal_handling
 *
 * What you will see (dmesg)
 *	K1 prints its pid and the result of request_module("send_signal"). It counts
 *	to 10, one step each period, and reports each SIGUSR1 that it receives (K2,
 *	the thread of send_signal, sends two). At unload it says that it was told to
 *	stop. That is not a third signal; see the comment in inc_func().
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "signals.h"

#define COUNT_TO 10

static unsigned int period_ms = 1000;
module_param(period_ms, uint, 0444);
MODULE_PARM_DESC(period_ms,
		 "period of K1's steps in ms, at least 1 (default 1000)");

pid_t kthread_pid;
EXPORT_SYMBOL(kthread_pid);

static struct task_struct *k1;

/*
 * request_module() has three kinds of results. Negative: modprobe was not run.
 * Positive: it ran, and this is its wait status as from waitpid(2), so exit status
 * 1 is 256, and a death by SIGKILL is 9. Zero: modprobe ran and reported success,
 * which does not prove that the module is still loaded.
 */
static void tell_request_result(const char *module, int ret)
{
	if (ret < 0)
		pr_warn("%s: request_module(\"%s\") returned %d: modprobe was not run (%pe)\n",
			current->comm, module, ret, ERR_PTR(ret));
	else if (ret & 0x7f)
		pr_warn("%s: request_module(\"%s\") returned %d: modprobe was killed by signal %d\n",
			current->comm, module, ret, ret & 0x7f);
	else if (ret)
		pr_warn("%s: request_module(\"%s\") returned %d: modprobe ended with exit status %d\n",
			current->comm, module, ret, (ret >> 8) & 0xff);
	else
		pr_info("%s: request_module(\"%s\") returned 0: modprobe succeeded\n",
			current->comm, module);
}

/* Counts to COUNT_TO, one step per call, then sets a flag and does nothing more. */
static void count(void)
{
	static bool flag;
	static int val;

	if (flag)
		return;
	val++;
	pr_info("%s: current value is %d\n", current->comm, val);
	if (val == COUNT_TO) {
		flag = true;
		pr_info("%s: value reached %d, setting flag\n", current->comm,
			val);
	}
}

/* K1's thread function. It returns only after kthread_stop(). */
static int inc_func(void *unused)
{
	unsigned long period = msecs_to_jiffies(period_ms);
	unsigned long next;
	int received = 0;
	int sig;

	pr_info("%s: my pid is %d\n", current->comm, current->pid);

	/*
	 * A kernel thread ignores every signal that it did not allow, and the
	 * sender is not told. So allow the signal first and publish the pid then:
	 * whoever sees the pid can be sure that the signal is not ignored.
	 */
	allow_signal(SIGUSR1);
	smp_store_release(&kthread_pid, current->pid);

	/*
	 * This is done in the thread and not in startup(): send_signal needs
	 * kthread_pid, and the kernel resolves no symbol of a module whose init is
	 * still running. startup() would wait for modprobe, and modprobe for it.
	 *
	 * K1 can get here before startup() has returned. That is harmless: the
	 * kernel makes the loader of send_signal wait (up to 30 s) until
	 * signal_handling is live, and startup() does not wait for K1.
	 */
	tell_request_result("send_signal", request_module("send_signal"));

	next = jiffies + period;
	while (!kthread_should_stop()) {
		sleep_until(next);

		/*
		 * Dequeue the signals instead of asking signal_pending(): since
		 * 6.0 kthread_stop() sets TIF_NOTIFY_SIGNAL, so signal_pending()
		 * is true, and K1 would report a signal that nobody sent.
		 */
		while ((sig = kernel_dequeue_signal()) != 0)
			pr_info("%s: received signal %d, number %d\n",
				current->comm, sig, ++received);

		if (time_after_eq(jiffies, next)) {
			count();
			next = jiffies + period;
		}
	}

	pr_info("%s: told to stop after %d signals, leaving %s\n",
		current->comm, received, __func__);
	return 0;
}

static int __init startup(void)
{
	if (!period_ms) {
		pr_err("period_ms must be at least 1\n");
		return -EINVAL;
	}

	k1 = kthread_run(inc_func, NULL, K1_NAME);
	if (IS_ERR(k1)) {
		pr_err("cannot start %s: %pe\n", K1_NAME, k1);
		return PTR_ERR(k1);
	}
	return 0;
}

/*
 * Runs only when nobody uses kthread_pid any more: the kernel refuses to unload
 * signal_handling while send_signal is loaded. K1 never returns by itself, so k1
 * is still a valid task here. If K1 is still inside request_module(), kthread_stop()
 * waits for that modprobe to end.
 */
static void __exit cleanup(void)
{
	int ret;

	WRITE_ONCE(kthread_pid, 0);
	ret = kthread_stop(k1);
	if (ret == -EINTR)
		pr_info("%s was stopped before it began\n", K1_NAME);
	else
		pr_info("%s stopped, its function returned %d\n", K1_NAME, ret);
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION(
	"A kernel thread that has send_signal loaded and receives its signals");
