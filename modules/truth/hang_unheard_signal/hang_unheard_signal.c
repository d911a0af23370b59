// SPDX-License-Identifier: GPL-2.0
/*
 * hang_unheard_signal - exit sends a signal that the thread has not allowed, and waits for it
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

static DECLARE_COMPLETION(gone);
static struct task_struct *thread;

static int listen_fn(void *unused)
{
	while (!signal_pending(current))
		schedule_timeout_interruptible(HZ / 20);
	complete(&gone);
	return 0;
}

static int __init hang_unheard_signal_init(void)
{
	thread = kthread_run(listen_fn, NULL, "listener");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit hang_unheard_signal_exit(void)
{
	send_sig(SIGTERM, thread, 1);
	wait_for_completion(&gone);
}

module_init(hang_unheard_signal_init);
module_exit(hang_unheard_signal_exit);
MODULE_DESCRIPTION(
	"exit sends a signal that the thread has not allowed, and waits for it");
MODULE_LICENSE("GPL");
