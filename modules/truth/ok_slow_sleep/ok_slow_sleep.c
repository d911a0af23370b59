// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_sleep - init sleeps for 12 s
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init ok_slow_sleep_init(void)
{
	ssleep(12);
	return 0;
}

static void __exit ok_slow_sleep_exit(void)
{
}

module_init(ok_slow_sleep_init);
module_exit(ok_slow_sleep_exit);
MODULE_DESCRIPTION("init sleeps for 12 s");
MODULE_LICENSE("GPL");
