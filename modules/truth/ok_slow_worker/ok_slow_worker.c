// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_worker - exit waits for a work item that computes for 14 s
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

static unsigned int sum;

static void job_fn(struct work_struct *work)
{
	unsigned long end = jiffies + 14 * HZ;
	unsigned int i;

	while (time_before(jiffies, end)) {
		for (i = 0; i < 10000; i++)
			sum = sum * 31 + i;
		cond_resched();
	}
}

static DECLARE_WORK(job, job_fn);

static int __init ok_slow_worker_init(void)
{
	queue_work(system_unbound_wq, &job);
	return 0;
}

static void __exit ok_slow_worker_exit(void)
{
	flush_work(&job);
	pr_info("ok_slow_worker: %u\n", sum);
}

module_init(ok_slow_worker_init);
module_exit(ok_slow_worker_exit);
MODULE_DESCRIPTION("exit waits for a work item that computes for 14 s");
MODULE_LICENSE("GPL");
