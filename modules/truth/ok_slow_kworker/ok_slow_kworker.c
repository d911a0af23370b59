// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_kworker - exit waits for a kthread_worker that begins 6 s later, and takes 12 s
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/timer.h>
#include <linux/version.h>

/* kthread_run_worker() was added in 6.14. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define kthread_run_worker kthread_create_worker
#endif

static DECLARE_COMPLETION(answered);
static struct kthread_worker *worker;
static struct kthread_work job;
static struct timer_list timer;

static void job_fn(struct kthread_work *unused)
{
	ssleep(12);
	complete(&answered);
}

static void tick(struct timer_list *unused)
{
	kthread_queue_work(worker, &job);
}

static int __init ok_slow_kworker_init(void)
{
	worker = kthread_run_worker(0, "ok_slow_kworker");
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	kthread_init_work(&job, job_fn);
	timer_setup(&timer, tick, 0);
	return 0;
}

static void __exit ok_slow_kworker_exit(void)
{
	mod_timer(&timer, jiffies + 6 * HZ);
	wait_for_completion(&answered);
	kthread_destroy_worker(worker);
}

module_init(ok_slow_kworker_init);
module_exit(ok_slow_kworker_exit);
MODULE_DESCRIPTION(
	"exit waits for a kthread_worker that begins 6 s later, and takes 12 s");
MODULE_LICENSE("GPL");
