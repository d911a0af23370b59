// SPDX-License-Identifier: GPL-2.0
/*
 * hang_work - exit waits for a work item that waits for ever
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static DECLARE_COMPLETION(answered);

static void job_fn(struct work_struct *work)
{
	wait_for_completion(&answered);
	pr_info("hang_work: answered\n");
}

static DECLARE_WORK(job, job_fn);

static int __init hang_work_init(void)
{
	schedule_work(&job);
	return 0;
}

static void __exit hang_work_exit(void)
{
	cancel_work_sync(&job);
	pr_info("hang_work: cancelled\n");
}

module_init(hang_work_init);
module_exit(hang_work_exit);
MODULE_DESCRIPTION("exit waits for a work item that waits for ever");
MODULE_LICENSE("GPL");
