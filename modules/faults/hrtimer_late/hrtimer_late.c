// SPDX-License-Identifier: GPL-2.0
/*
 * hrtimer_late - leaves a high-resolution timer armed
 *
 * Purpose
 *	The timer is periodic: it arms itself again, for an hour later. Its
 *	memory is not freed either. In the module's own memory it would make
 *	the kernel crash when the next timer is armed.
 *
 * Usage
 *	kmodlab run modules/faults/hrtimer_late --load hrtimer_late
 *
 * What you will see
 *	The verdict is leak: a timer that is still armed, armed in
 *	hrtimer_late_init.
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
	hrtimer_start(timer, ms_to_ktime(50), HRTIMER_MODE_REL); /* fault */
	return 0;
}

static void __exit hrtimer_late_exit(void)
{
}

module_init(hrtimer_late_init);
module_exit(hrtimer_late_exit);

MODULE_DESCRIPTION("Leaves a high-resolution timer armed");
MODULE_LICENSE("GPL");
