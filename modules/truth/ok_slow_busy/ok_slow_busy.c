// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_busy - init computes for 13 s without a pause
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>

static unsigned int sum;

static int __init ok_slow_busy_init(void)
{
	unsigned long end = jiffies + 13 * HZ;
	unsigned int i;

	while (time_before(jiffies, end))
		for (i = 0; i < 10000; i++)
			sum = sum * 31 + i;
	pr_info("ok_slow_busy: %u\n", sum);
	return 0;
}

static void __exit ok_slow_busy_exit(void)
{
}

module_init(ok_slow_busy_init);
module_exit(ok_slow_busy_exit);
MODULE_DESCRIPTION("init computes for 13 s without a pause");
MODULE_LICENSE("GPL");
