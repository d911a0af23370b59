// SPDX-License-Identifier: GPL-2.0
/*
 * work_late_fixed - cancels its delayed work
 *
 * Purpose
 *	Like work_late.c, but the exit function calls
 *	cancel_delayed_work_sync().
 *
 *	To see the difference: diff -u work_late.c work_late_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/work_late --load work_late_fixed
 *
 * What you will see
 *	The verdict is pass.
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
	schedule_delayed_work(&work, 3600 * HZ);
	return 0;
}

static void __exit work_late_exit(void)
{
	cancel_delayed_work_sync(&work);
}

module_init(work_late_init);
module_exit(work_late_exit);

MODULE_DESCRIPTION("Cancels its delayed work");
MODULE_LICENSE("GPL");
