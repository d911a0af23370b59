// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_compute - init computes for 14 s, and lets others run
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned int sum;

static int __init ok_slow_compute_init(void)
{
	unsigned long end = jiffies + 14 * HZ;
	unsigned int i;

	while (time_before(jiffies, end)) {
		for (i = 0; i < 10000; i++)
			sum = sum * 31 + i;
		cond_resched();
	}
	pr_info("ok_slow_compute: %u\n", sum);
	return 0;
}

static void __exit ok_slow_compute_exit(void)
{
}

module_init(ok_slow_compute_init);
module_exit(ok_slow_compute_exit);
MODULE_DESCRIPTION("init computes for 14 s, and lets others run");
MODULE_LICENSE("GPL");
