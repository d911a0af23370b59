// SPDX-License-Identifier: GPL-2.0
/*
 * spin_hrtimer - a timer restarts without being moved forward, so it is due at
 * once
 */
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/version.h>

static struct hrtimer blink;
static bool on;
static int delay_ms = 20;
module_param(delay_ms, int, 0444);

static enum hrtimer_restart blink_fn(struct hrtimer *unused) /* fault */
{
	on = !on;
	return HRTIMER_RESTART;
}

static int __init spin_hrtimer_init(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&blink, blink_fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&blink, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	blink.function = blink_fn;
#endif
	hrtimer_start(&blink, ms_to_ktime(delay_ms), HRTIMER_MODE_REL);
	return 0;
}

static void __exit spin_hrtimer_exit(void)
{
	hrtimer_cancel(&blink);
}

module_init(spin_hrtimer_init);
module_exit(spin_hrtimer_exit);
MODULE_DESCRIPTION("restarts a timer without moving it forward");
MODULE_LICENSE("GPL");
