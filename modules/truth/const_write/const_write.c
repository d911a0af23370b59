// SPDX-License-Identifier: GPL-2.0
/*
 * const_write - writes to a constant
 */
#include <linux/init.h>
#include <linux/module.h>

static const int limit = 3;

static int __init const_write_init(void)
{
	int *p = (int *)&limit;

	WRITE_ONCE(*p, 4);
	return 0;
}

static void __exit const_write_exit(void)
{
}

module_init(const_write_init);
module_exit(const_write_exit);
MODULE_DESCRIPTION("writes to a constant");
MODULE_LICENSE("GPL");
