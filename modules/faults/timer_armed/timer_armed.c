// SPDX-License-Identifier: GPL-2.0
/*
 * timer_armed - leaves its timer armed
 *
 * Purpose
 *	The timer expires after unload, and the kernel calls a function that
 *	no longer exists, in an interrupt.
 *
 * Usage
 *	kmodlab run modules/faults/timer_armed --load timer_armed
 *
 * What you will see
 *	After unload the verdict is oops: page fault at an address without a
 *	name. In an interrupt that is a panic as well.
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
	mod_timer(t, jiffies + HZ / 10);
}

static int __init timer_armed_init(void)
{
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + HZ / 10);
	return 0;
}

static void __exit timer_armed_exit(void)
{
	mod_timer(&timer, jiffies + 2 * HZ / 5); /* fault */
	pr_info("once more\n");
}

module_init(timer_armed_init);
module_exit(timer_armed_exit);

MODULE_DESCRIPTION("Leaves its timer armed");
MODULE_LICENSE("GPL");
