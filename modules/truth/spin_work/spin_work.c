// SPDX-License-Identifier: GPL-2.0
/*
 * spin_work - a work item never ends, and exit waits for it
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/workqueue.h>

static int ready;

static void job_fn(struct work_struct *work)
{
	while (!READ_ONCE(ready))
		cpu_relax();
}

static DECLARE_WORK(job, job_fn);

static int __init spin_work_init(void)
{
	schedule_work(&job);
	return 0;
}

static void __exit spin_work_exit(void)
{
	cancel_work_sync(&job);
	pr_info("spin_work: cancelled\n");
}

module_init(spin_work_init);
module_exit(spin_work_exit);
MODULE_DESCRIPTION("a work item never ends, and exit waits for it");
MODULE_LICENSE("GPL");
