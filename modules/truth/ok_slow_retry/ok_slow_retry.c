// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_retry - exit waits for a work item that tries again each second, 16 times
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static DECLARE_COMPLETION(answered);
static int tries;

static void try_fn(struct work_struct *work)
{
	if (++tries < 16)
		schedule_delayed_work(to_delayed_work(work), HZ);
	else
		complete(&answered);
}

static DECLARE_DELAYED_WORK(try, try_fn);

static int __init ok_slow_retry_init(void)
{
	return 0;
}

static void __exit ok_slow_retry_exit(void)
{
	schedule_delayed_work(&try, HZ);
	wait_for_completion(&answered);
	cancel_delayed_work_sync(&try);
	pr_info("ok_slow_retry: %d tries\n", tries);
}

module_init(ok_slow_retry_init);
module_exit(ok_slow_retry_exit);
MODULE_DESCRIPTION(
	"exit waits for a work item that tries again each second, 16 times");
MODULE_LICENSE("GPL");
