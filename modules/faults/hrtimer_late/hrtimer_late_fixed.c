// SPDX-License-Identifier: GPL-2.0
/*
 * hrtimer_late_fixed - cancels its high-resolution timer
 *
 * Purpose
 *	Like hrtimer_late.c, but the exit function cancels the timer, which also
 *	waits for a callback that is running, and frees its memory.
 *
 *	To see the difference: diff -u hrtimer_late.c hrtimer_late_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/hrtimer_late --load hrtimer_late_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>

static struct hrtimer *timer;

static enum hrtimer_restart tick(struct hrtimer *t)
{
	hrtimer_forward_now(t, ktime_set(3600, 0));
	return HRTIMER_RESTART;
}

static int __init hrtimer_late_init(void)
{
	timer = kzalloc(sizeof(*timer), GFP_KERNEL);
	if (!timer)
		return -ENOMEM;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = tick;
#else
	hrtimer_setup(timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#endif
	hrtimer_start(timer, ms_to_ktime(50), HRTIMER_MODE_REL);
	return 0;
}

static void __exit hrtimer_late_exit(void)
{
	hrtimer_cancel(timer);
	kfree(timer);
}

module_init(hrtimer_late_init);
module_exit(hrtimer_late_exit);

MODULE_DESCRIPTION("Cancels its high-resolution timer");
MODULE_LICENSE("GPL");
