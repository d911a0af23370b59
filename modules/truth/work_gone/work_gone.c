// SPDX-License-Identifier: GPL-2.0
/*
 * work_gone - leaves a delayed work queued that runs after the unload
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static void late(struct work_struct *w)
{
	pr_info("work_gone: late\n");
}

static DECLARE_DELAYED_WORK(work, late);

static int __init work_gone_init(void)
{
	schedule_delayed_work(&work, HZ / 5);
	return 0;
}

static void __exit work_gone_exit(void)
{
}

module_init(work_gone_init);
module_exit(work_gone_exit);
MODULE_DESCRIPTION("leaves a delayed work queued that runs after the unload");
MODULE_LICENSE("GPL");
