// SPDX-License-Identifier: GPL-2.0
/*
 * work_left - leaves a work queued
 *
 * Purpose
 *	The work runs after unload, when its function is gone.
 *
 * Usage
 *	kmodlab run modules/faults/work_left --load work_left
 *
 * What you will see
 *	After unload the verdict is oops, in a kworker, at an address without
 *	a name.
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
	schedule_delayed_work(&work, 2 * HZ / 5); /* fault */
	pr_info("once more\n");
}

module_init(work_left_init);
module_exit(work_left_exit);

MODULE_DESCRIPTION("Leaves a work queued");
MODULE_LICENSE("GPL");
