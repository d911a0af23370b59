// SPDX-License-Identifier: GPL-2.0
/*
 * timer_late - leaves a timer armed that expires in an hour
 *
 * Purpose
 *	A short test notices nothing; the machine crashes an hour later.
 *
 * Usage
 *	kmodlab run modules/faults/timer_late --load timer_late
 *
 * What you will see
 *	The verdict is leak: a timer that is still armed, armed in
 *	timer_late_init.
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
	mod_timer(&timer, jiffies + 3600 * HZ); /* fault */
	return 0;
}

static void __exit timer_late_exit(void)
{
}

module_init(timer_late_init);
module_exit(timer_late_exit);

MODULE_DESCRIPTION("Leaves a timer armed that expires in an hour");
MODULE_LICENSE("GPL");
