// SPDX-License-Identifier: GPL-2.0
/*
 * work_late - leaves a work queued that is due in an hour
 *
 * Purpose
 *	A delayed work is a timer and a work. cancel_delayed_work_sync()
 *	cancels both.
 *
 * Usage
 *	kmodlab run modules/faults/work_late --load work_late
 *
 * What you will see
 *	The verdict is leak: a work item that is still queued, in
 *	work_late_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static void late(struct work_struct *work)
{
	pr_info("an hour is over\n");
}

static DECLARE_DELAYED_WORK(work, late);

static int __init work_late_init(void)
{
	schedule_delayed_work(&work, 3600 * HZ); /* fault */
	return 0;
}

static void __exit work_late_exit(void)
{
}

module_init(work_late_init);
module_exit(work_late_exit);

MODULE_DESCRIPTION("Leaves a work queued that is due in an hour");
MODULE_LICENSE("GPL");
