// SPDX-License-Identifier: GPL-2.0
/*
 * timer_late_fixed - deletes its timer
 *
 * Purpose
 *	Like timer_late.c, but the exit function calls timer_delete_sync().
 *
 *	To see the difference: diff -u timer_late.c timer_late_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/timer_late --load timer_late_fixed
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
#include <linux/timer.h>
#include <linux/version.h>

/* timer_delete_sync() was added in 6.2, del_timer_sync() was removed in 6.15. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static struct timer_list timer;

static void tick(struct timer_list *t)
{
	pr_info("an hour is over\n");
}

static int __init timer_late_init(void)
{
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + 3600 * HZ);
	return 0;
}

static void __exit timer_late_exit(void)
{
	timer_delete_sync(&timer);
}

module_init(timer_late_init);
module_exit(timer_late_exit);

MODULE_DESCRIPTION("Deletes its timer");
MODULE_LICENSE("GPL");
