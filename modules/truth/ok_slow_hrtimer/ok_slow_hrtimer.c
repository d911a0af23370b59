// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_hrtimer - a timer keeps a CPU busy while init sleeps
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/version.h>

#define PERIOD_NS 20000

static struct hrtimer tick;

static enum hrtimer_restart tick_fn(struct hrtimer *timer)
{
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

static int __init ok_slow_hrtimer_init(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&tick, tick_fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	tick.function = tick_fn;
#endif
	hrtimer_start(&tick, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL);
	msleep(16000);
	return 0;
}

static void __exit ok_slow_hrtimer_exit(void)
{
	hrtimer_cancel(&tick);
}

module_init(ok_slow_hrtimer_init);
module_exit(ok_slow_hrtimer_exit);
MODULE_DESCRIPTION("a busy timer");
MODULE_LICENSE("GPL");
