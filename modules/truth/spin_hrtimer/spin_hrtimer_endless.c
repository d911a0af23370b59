// SPDX-License-Identifier: GPL-2.0
/*
 * spin_hrtimer_endless - a timer's function never returns
 */
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/version.h>

static struct hrtimer once;

static enum hrtimer_restart once_fn(struct hrtimer *unused)
{
	for (;;) /* fault */
		cpu_relax();
	return HRTIMER_NORESTART;
}

static int __init spin_hrtimer_endless_init(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&once, once_fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&once, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	once.function = once_fn;
#endif
	hrtimer_start(&once, ms_to_ktime(20), HRTIMER_MODE_REL);
	return 0;
}

static void __exit spin_hrtimer_endless_exit(void)
{
	hrtimer_cancel(&once);
}

module_init(spin_hrtimer_endless_init);
module_exit(spin_hrtimer_endless_exit);
MODULE_DESCRIPTION("a timer's function never returns");
MODULE_LICENSE("GPL");
