// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/module.h>

static int count;
module_param(count, int, 0444);

static int __init startup(void)
{
	//> TODO 1: refuse a count below zero.
	if (count < 0)
		return -EINVAL;
	//<
	pr_info("count: ready\n");
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
