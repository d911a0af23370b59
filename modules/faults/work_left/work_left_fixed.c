// SPDX-License-Identifier: GPL-2.0
/*
 * work_left_fixed - cancels its delayed work
 *
 * Purpose
 *	Like work_left.c, but the exit function calls
 *	cancel_delayed_work_sync(), which also waits for a work that is running.
 *
 *	To see the difference: diff -u work_left.c work_left_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/work_left --load work_left_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static void late(struct work_struct *work)
{
	pr_info("at work\n");
}

static DECLARE_DELAYED_WORK(work, late);

static int __init work_left_init(void)
{
	return 0;
}

static void __exit work_left_exit(void)
{
	schedule_delayed_work(&work, 2 * HZ / 5);
	pr_info("once more\n");
	cancel_delayed_work_sync(&work);
}

module_init(work_left_init);
module_exit(work_left_exit);

MODULE_DESCRIPTION("Cancels its delayed work");
MODULE_LICENSE("GPL");
