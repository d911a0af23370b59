// SPDX-License-Identifier: GPL-2.0
/*
 * warn_only - compiles with a warning
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init warn_only_init(void)
{
	int unused;

	return 0;
}

static void __exit warn_only_exit(void)
{
}

module_init(warn_only_init);
module_exit(warn_only_exit);
MODULE_DESCRIPTION("compiles with a warning");
MODULE_LICENSE("GPL");
